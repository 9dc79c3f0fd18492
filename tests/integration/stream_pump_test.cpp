// The pump between two streams, here of sockets: ends stay what they are, and slow readers slow writers down.
#include "proxy/io/stream_pump.hpp"

#include <gtest/gtest.h>

#include <boost/asio/spawn.hpp>
#include <csignal>
#include <thread>

#include "proxy/io/local_pair.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

using Pair = std::pair<tcp::socket, tcp::socket>;

class StreamPumpTest : public testing::Test {
 protected:
  StreamPumpTest() {
    std::signal(SIGPIPE, SIG_IGN);
    auto left = make_pair();
    auto right = make_pair();
    left_ = take(std::move(left.first));
    right_ = take(std::move(right.first));
    auto pump =
        std::make_shared<proxy::StreamPump>(context_, std::make_unique<proxy::SocketSide>(std::move(left.second)),
                                            std::make_unique<proxy::SocketSide>(std::move(right.second)));
    pump->start("first ");
    alive_ = pump;
    thread_ = std::thread([this] { context_.run(); });
  }
  ~StreamPumpTest() override {
    left_.close();
    right_.close();
    thread_.join();
    EXPECT_TRUE(alive_.expired()) << "the pump outlives its streams";
  }

  Pair make_pair() {
    std::optional<Pair> made;
    asio::spawn(
        context_,
        [&](const asio::yield_context& yield) {
          auto pair = proxy::make_local_pair(context_, yield);
          if (pair) made.emplace(std::move(*pair));
        },
        [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
    context_.run();
    context_.restart();
    return std::move(made.value());
  }
  static Socket take(tcp::socket socket) {
    socket.non_blocking(false);
    return Socket(socket.release());
  }

  asio::io_context context_;
  Socket left_;
  Socket right_;
  std::weak_ptr<proxy::StreamPump> alive_;
  std::thread thread_;
};

TEST_F(StreamPumpTest, FirstBytesComeFirst) {
  left_.send(bytes_of("second"));
  EXPECT_EQ(right_.receive(12), bytes_of("first second"));
}

TEST_F(StreamPumpTest, HalfClosePassesAndTheOtherDirectionGoesOn) {
  left_.half_close();
  EXPECT_EQ(right_.receive_all(), bytes_of("first "));
  right_.send(pattern(3'000'000));
  right_.half_close();
  Ending ending = Ending::still_open;
  EXPECT_EQ(left_.receive_all(&ending), pattern(3'000'000));
  EXPECT_EQ(ending, Ending::eof);
}

TEST_F(StreamPumpTest, ResetPassesEitherWay) {
  right_.receive(6);
  left_.reset();
  EXPECT_EQ(right_.wait_end(), Ending::reset);
}

TEST_F(StreamPumpTest, ResetPassesTheOtherWay) {
  right_.receive(6);
  right_.reset();
  EXPECT_EQ(left_.wait_end(), Ending::reset);
}

/// Sends until nothing more is taken; returns how much was.
std::size_t fill(Socket& socket) {
  const Bytes piece(64U << 10);
  std::size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const auto count = ::send(socket.fd(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      idle = 0;
    } else {
      ++idle;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return sent;
}

TEST_F(StreamPumpTest, ReaderThatStopsStopsTheWriter) {
  const auto sent = fill(left_);
  EXPECT_LT(sent, 64U << 20) << "somebody buffers without bound";
  left_.half_close();
  EXPECT_EQ(right_.receive_all().size(), sent + 6);
}

TEST_F(StreamPumpTest, ResetPassesAlthoughBothDirectionsAreStuck) {
  fill(left_);
  fill(right_);
  left_.reset();
  EXPECT_EQ(right_.wait_end(), Ending::reset);
}

}  // namespace
}  // namespace tfunnel::test
