// Destinations that do not answer yet, or not at all, and memory that is used up.
#include <gtest/gtest.h>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

TEST(TcpLimits, DataSentBeforeTheFarConnectionIsMadeArrivesWhole) {
  Tunnel tunnel(over_socketpair);
  BusyServer busy;
  auto near = tunnel.connect(busy.endpoint());
  near.send(pattern(50'000));
  near.half_close();
  EXPECT_TRUE(eventually([&] { return tunnel.proxy_flows() == 1; }));
  // The system tries again by itself once there is room.
  busy.make_room();
  EXPECT_EQ(busy.accept().receive_all(), pattern(50'000));
}

TEST(TcpLimits, DestinationThatNeverAnswersIsAResetAfterTheTimeLimit) {
  Tunnel tunnel(over_pipes, {.connect_timeout = std::chrono::milliseconds(200)});
  BusyServer busy;
  auto near = tunnel.connect(busy.endpoint());
  EXPECT_EQ(near.wait_end(), Ending::reset);
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
}

TEST(TcpLimits, ApplicationThatGivesUpEndsTheAttempt) {
  const auto before = open_descriptors();
  Tunnel tunnel(over_pipes);
  BusyServer busy;
  auto near = tunnel.connect(busy.endpoint());
  EXPECT_TRUE(eventually([&] { return tunnel.proxy_flows() == 1; }));
  const auto trying = open_descriptors();
  near.reset();
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  // The application's socket, the captured one, and the one that was connecting.
  EXPECT_TRUE(eventually([&] { return open_descriptors() + 3 <= trying; })) << before << " then " << trying;
}

TEST(TcpLimits, TunnelThatEndsWhileConnectingLeavesNothing) {
  const auto before = open_descriptors();
  {
    Tunnel tunnel(over_pipes);
    BusyServer busy;
    auto near = tunnel.connect(busy.endpoint());
    EXPECT_TRUE(eventually([&] { return tunnel.proxy_flows() == 1; }));
    tunnel.shut_down();
    EXPECT_EQ(near.wait_end(), Ending::reset);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TcpLimits, UsedUpBufferRefusesNewFlowsOnly) {
  Tunnel tunnel(over_socketpair, {.buffer_size = 256U << 10});
  BusyServer busy;
  Server server;
  auto lively = tunnel.connect(server.endpoint());
  auto lively_far = server.accept();
  std::vector<Socket> waiting;
  for (int i = 0; i < 120; ++i) {
    waiting.push_back(tunnel.connect(busy.endpoint()));
    waiting.back().send(pattern(16'000));
  }
  EXPECT_TRUE(eventually([&] { return tunnel.proxy_flows() > 0 && tunnel.proxy_flows() < 120; }))
      << "no flow was reset";
  lively.send(bytes_of("alive"));
  EXPECT_EQ(lively_far.receive(5), bytes_of("alive"));
  std::size_t resets = 0;
  EXPECT_TRUE(eventually([&] {
    resets += std::erase_if(waiting, [](auto& socket) { return socket.wait_end({}) == Ending::reset; });
    return resets > 10;
  }));
  EXPECT_LT(resets, 120U);
}

// Its credit was promised to it.
TEST(TcpLimits, FlowIsNotResetForWhatOthersHoard) {
  Tunnel tunnel(over_socketpair, {.buffer_size = 256U << 10});
  BusyServer slow;
  BusyServer busy;
  auto modest = tunnel.connect(slow.endpoint());
  EXPECT_TRUE(eventually([&] { return tunnel.proxy_flows() == 1; }));
  std::vector<Socket> hoarders;
  std::vector<bool> sent;  // false: the reset was there before, and the kernel tells of it once
  for (int i = 0; i < 120; ++i) {
    hoarders.push_back(tunnel.connect(busy.endpoint()));
    sent.push_back(hoarders.back().send(pattern(16'000)));
  }
  for (std::size_t i = 100; i < hoarders.size(); ++i) {
    EXPECT_TRUE(!sent[i] || hoarders[i].wait_end() == Ending::reset) << i;
  }
  EXPECT_TRUE(modest.send(pattern(1'000)));
  modest.half_close();
  slow.make_room();
  EXPECT_EQ(slow.accept().receive_all(), pattern(1'000));
}

}  // namespace
}  // namespace tfunnel::test
