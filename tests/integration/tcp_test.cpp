// TCP through a whole tunnel: what one application sends, the other gets, over either kind of link.
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "common/io/splice.hpp"
#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

class Tcp : public testing::TestWithParam<LinkKind> {
 protected:
  Tunnel tunnel{GetParam()};
  Server server;
};

INSTANTIATE_TEST_SUITE_P(Over, Tcp, testing::ValuesIn(all_links), [](const auto& kind) { return kind.param.name; });

std::future<bool> send_later(Socket& socket, const Bytes& bytes) {
  return std::async(std::launch::async, [&socket, &bytes] {
    const bool sent = socket.send(bytes);
    socket.half_close();
    return sent;
  });
}

TEST_P(Tcp, BulkInBothDirectionsAtOnceArrivesWhole) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  const auto up = pattern(6'000'000, 1);
  const auto down = pattern(5'000'000, 2);
  auto sent_up = send_later(near, up);
  auto sent_down = send_later(far, down);
  auto received = std::async(std::launch::async, [&] { return far.receive_all(); });
  EXPECT_EQ(near.receive_all(), down);
  EXPECT_EQ(received.get(), up);
  EXPECT_TRUE(sent_up.get() && sent_down.get());
}

TEST_P(Tcp, SingleBytesAreNotHeldBack) {
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  for (int i = 0; i < 50; ++i) {
    near.send(Bytes{1});
    ASSERT_EQ(far.receive(1), Bytes{1});
    far.send(Bytes{2});
    ASSERT_EQ(near.receive(1), Bytes{2});
  }
}

TEST_P(Tcp, Ipv6Destination) {
  Server server6(512, "::1");
  auto near = tunnel.connect(server6.endpoint());
  auto far = server6.accept();
  near.send(bytes_of("six"));
  EXPECT_EQ(far.receive(3), bytes_of("six"));
}

TEST_P(Tcp, CloseRightAfterWritingLosesNothing) {
  for (const std::size_t size : {1U, 1000U, 65'536U, 1'000'000U}) {
    auto near = tunnel.connect(server.endpoint());
    auto far = server.accept();
    const auto bytes = pattern(size);
    auto sent = std::async(std::launch::async, [&] {
      near.send(bytes);
      near.close();
    });
    Ending ending{};
    EXPECT_EQ(far.receive_all(&ending), bytes);
    EXPECT_EQ(ending, Ending::eof);
    sent.get();
  }
}

TEST_P(Tcp, ManyShortFlowsAllSucceedAndLeaveNothing) {
  const auto before = open_descriptors();
  for (int i = 0; i < 300; ++i) {
    auto near = tunnel.connect(server.endpoint());
    near.send(bytes_of("q"));
    near.half_close();
    auto far = server.accept();
    ASSERT_EQ(far.receive_all(), bytes_of("q"));
    far.send(bytes_of("answer"));
    far.close();
    ASSERT_EQ(near.receive_all(), bytes_of("answer"));
  }
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; })) << open_descriptors() << " from " << before;
}

TEST_P(Tcp, StalledFlowDoesNotHoldOthers) {
  auto stalled = tunnel.connect(server.endpoint());
  auto stalled_far = server.accept();
  const auto flood = pattern(40'000'000);
  auto sending = std::async(std::launch::async, [&] { return stalled.send(flood); });
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  const auto bytes = pattern(3'000'000, 3);
  auto sent = send_later(near, bytes);
  EXPECT_EQ(far.receive_all(), bytes);
  EXPECT_TRUE(sent.get());
  EXPECT_EQ(sending.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "it was not stalled at all";
  EXPECT_EQ(stalled_far.receive(flood.size()), flood) << "and goes on when its reader does";
  EXPECT_TRUE(sending.get());
}

// Copying gives the same bytes, so nothing else would tell; it takes twice the processor time.
class MovingTcp : public testing::TestWithParam<LinkKind> {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const bool moves = io::is_movable(ends[0]);
    for (const int end : ends) ::close(end);
    if (!moves) GTEST_SKIP() << "nothing can be moved on this system";
  }
  // Sends bulk to a reader that asks for `piece` bytes at a time. While the window still grows more may arrive than the
  // pipes hold, so what was copied then does not count.
  void expect_moved(std::size_t piece) {
    const auto bytes = pattern(160'000'000);
    const std::size_t grown = 60'000'000;
    auto near = tunnel.connect(server.endpoint());
    auto far = server.accept();
    auto sent = send_later(near, bytes);
    EXPECT_EQ(receive(far, grown, piece), Bytes(bytes.begin(), bytes.begin() + grown));
    const auto sent_before = tunnel.client_counters();
    const auto received_before = tunnel.proxy_counters();
    EXPECT_EQ(receive(far, bytes.size() - grown, piece), Bytes(bytes.begin() + grown, bytes.end()));
    EXPECT_TRUE(sent.get());
    const auto sent_after = tunnel.client_counters();
    const auto received_after = tunnel.proxy_counters();
    const auto sent_all = sent_after.bytes_sent - sent_before.bytes_sent;
    const auto received_all = received_after.bytes_received - received_before.bytes_received;
    EXPECT_GT(sent_after.bytes_sent_moved - sent_before.bytes_sent_moved, sent_all / 5 * 3) << "of " << sent_all;
    EXPECT_GT(received_after.bytes_received_moved - received_before.bytes_received_moved, received_all / 5 * 3)
        << "of " << received_all;
  }
  static Bytes receive(Socket& socket, std::size_t size, std::size_t piece) {
    Bytes received;
    received.reserve(size);
    while (received.size() < size) {
      const auto part = socket.receive(std::min(piece, size - received.size()));
      if (part.empty()) break;
      received.insert(received.end(), part.begin(), part.end());
    }
    return received;
  }

  Tunnel tunnel{GetParam()};
  Server server;
};

INSTANTIATE_TEST_SUITE_P(Over, MovingTcp, testing::Values(over_socketpair, over_pipes),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(MovingTcp, BulkIsNotCopied) { expect_moved(1 << 20); }

// Slower than the tunnel in the one way that is the same on every machine.
TEST_P(MovingTcp, BulkForAReaderThatFallsBehindIsNotCopied) { expect_moved(3000); }

}  // namespace
}  // namespace tfunnel::test
