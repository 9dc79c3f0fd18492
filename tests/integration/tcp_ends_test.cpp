// How connections end through a tunnel: as they would without one.
#include <gtest/gtest.h>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

class TcpEnds : public testing::TestWithParam<LinkKind> {
 protected:
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; })) << "flows are left";
  }
  Tunnel tunnel{GetParam()};
  Server server;
};

INSTANTIATE_TEST_SUITE_P(Over, TcpEnds, testing::ValuesIn(all_links), [](const auto& kind) { return kind.param.name; });

TEST_P(TcpEnds, HalfCloseByTheClientFirst) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  near.send(bytes_of("request"));
  near.half_close();
  EXPECT_EQ(far.receive_all(), bytes_of("request"));
  far.send(bytes_of("late answer"));
  far.close();
  EXPECT_EQ(near.receive_all(), bytes_of("late answer"));
  near.close();
}

TEST_P(TcpEnds, HalfCloseByTheServerFirst) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  far.send(bytes_of("greeting"));
  far.half_close();
  EXPECT_EQ(near.receive_all(), bytes_of("greeting"));
  near.send(bytes_of("late request"));
  near.close();
  Ending ending{};
  EXPECT_EQ(far.receive_all(&ending), bytes_of("late request"));
  EXPECT_EQ(ending, Ending::eof);
}

TEST_P(TcpEnds, ResetByTheApplicationReachesTheServerAsReset) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  near.reset();
  EXPECT_EQ(far.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, ResetByTheServerReachesTheApplicationAsReset) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  far.reset();
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, ResetAfterHalfCloseIsStillAReset) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  near.half_close();
  EXPECT_EQ(far.wait_end(), Ending::eof);
  far.reset();
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, ApplicationThatHalfClosedAndDiesResetsTheServer) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  near.half_close();
  EXPECT_EQ(far.wait_end(), Ending::eof);
  near.reset();
  EXPECT_TRUE(eventually([&] { return !far.send(bytes_of("to nobody")); })) << "the server never learns of it";
}

TEST_P(TcpEnds, ResetOfAStalledFlowArrives) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  // The application does not read; the server sends more than one window and then breaks off.
  far.send(pattern(300'000));
  far.reset();
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, RefusedDestinationIsAResetAtOnce) {
  auto near = tunnel.connect(closed_endpoint(SOCK_STREAM));
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, RefusedAfterDataAndHalfCloseIsStillAReset) {
  auto near = tunnel.connect(closed_endpoint(SOCK_STREAM));
  // A quick reset is told to send() already, and then only once.
  if (!near.send(pattern(10'000))) return;
  near.half_close();
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST_P(TcpEnds, ApplicationThatResetsBeforeTheFarConnectionLeavesNothing) {
  for (int i = 0; i < 50; ++i) tunnel.connect(server.endpoint()).reset();
}

TEST_P(TcpEnds, BothCloseAtOnce) {
  for (int i = 0; i < 50; ++i) {
    auto near = tunnel.connect(server.endpoint());
    auto far = server.accept();
    near.close();
    far.close();
  }
}

}  // namespace
}  // namespace tfunnel::test
