// Datagrams that are sent and read several at once arrive as if each had gone alone.
#include <gtest/gtest.h>

#include <boost/asio/generic/raw_protocol.hpp>
#include <vector>

#include "common/io/datagram_reader.hpp"
#include "common/io/datagram_writer.hpp"
#include "common/io/errors.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

class DatagramBatch : public testing::Test {
 protected:
  DatagramBatch() {
    for (auto* socket : {&from_, &to_, &other_}) {
      socket->set_option(asio::socket_base::receive_buffer_size(4 << 20));
      io::DatagramReader::prepare(socket->native_handle());
    }
  }
  void send(const udp::socket& to, const Bytes& payload) {
    if (writer_.add(to.local_endpoint(), payload)) return;
    flush();
    ASSERT_TRUE(writer_.add(to.local_endpoint(), payload));
  }
  void flush() {
    writer_.flush(from_.native_handle(),
                  [&](const auto&, auto payload, auto error) { unsent_.emplace_back(payload.size(), error.value()); });
  }
  /// All that waits in the socket; the loopback delivers before a send returns.
  std::vector<Bytes> read_all(udp::socket& socket) {
    std::vector<Bytes> all;
    const auto take = [&](const auto& from, const auto&, auto payload) {
      EXPECT_EQ(from, io::from_asio(from_.local_endpoint()));
      all.emplace_back(payload.begin(), payload.end());
    };
    while (reader_.read(socket.native_handle(), take)) {
    }
    return all;
  }

  asio::io_context context_;
  const udp::endpoint any_{asio::ip::address_v4::loopback(), 0};
  udp::socket from_{context_, any_};
  udp::socket to_{context_, any_};
  udp::socket other_{context_, any_};
  io::DatagramWriter writer_{true};
  io::DatagramReader reader_;
  std::vector<std::pair<std::size_t, int>> unsent_;
};

TEST_F(DatagramBatch, KeepsEachDatagramsSizeAndOrder) {
  std::vector<Bytes> sent;
  for (const std::size_t size :
       {1200, 1200, 1200, 700, 1200, 1200, 0, 0, 1, 1, 2, 1452, 1452, 1453, 9000, 9000, 1200}) {
    sent.push_back(pattern(size));
  }
  for (const auto& payload : sent) send(to_, payload);
  flush();
  EXPECT_EQ(read_all(to_), sent);
  EXPECT_TRUE(unsent_.empty());
}

TEST_F(DatagramBatch, OfManyIsWholeAndGoesOutWhenItIsFull) {
  std::vector<Bytes> sent(1000, pattern(1200));
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i][0] = static_cast<std::uint8_t>(i);
  for (const auto& payload : sent) send(to_, payload);
  flush();
  EXPECT_EQ(read_all(to_), sent);
}

TEST_F(DatagramBatch, GivesEachPeerItsOwn) {
  std::vector<Bytes> sent;
  for (std::size_t i = 0; i < 40; ++i) {
    sent.push_back(pattern(100 + i / 4));
    send(i % 3 == 0 ? other_ : to_, sent.back());
  }
  flush();
  std::vector<Bytes> others;
  std::vector<Bytes> rest;
  for (std::size_t i = 0; i < sent.size(); ++i) (i % 3 == 0 ? others : rest).push_back(sent[i]);
  EXPECT_EQ(read_all(other_), others);
  EXPECT_EQ(read_all(to_), rest);
}

TEST_F(DatagramBatch, LosesOnlyWhatCannotBeSent) {
  send(to_, pattern(1000));
  send(to_, pattern(1000));
  send(to_, pattern(65'508));
  send(to_, pattern(1000));
  flush();
  EXPECT_EQ(read_all(to_), std::vector<Bytes>(3, pattern(1000)));
  EXPECT_EQ(unsent_, (std::vector<std::pair<std::size_t, int>>{{65'508, EMSGSIZE}}));
}

// A raw socket ignores the wish for segments without a word, as every socket did before Linux 4.18: two datagrams would
// become one, of which the receiver sees the first half.
TEST_F(DatagramBatch, IsNotMergedWhereTheSystemKnowsNoSegments) {
  const asio::generic::raw_protocol raw(AF_INET, IPPROTO_UDP);
  asio::generic::raw_protocol::socket socket(context_);
  boost::system::error_code error;
  socket.open(raw, error);
  if (error) GTEST_SKIP() << "a raw socket needs rights: " << error.message();
  const auto port = to_.local_endpoint().port();
  const auto low = static_cast<std::uint8_t>(port);
  const auto high = static_cast<std::uint8_t>(port >> 8U);
  // From port 7, of 9 bytes with the header, without a checksum.
  for (const std::uint8_t byte : {1, 2})
    ASSERT_TRUE(writer_.add(to_.local_endpoint(), Bytes{0, 7, high, low, 0, 9, 0, 0, byte}));
  writer_.flush(socket.native_handle(), [](const auto&, auto, auto failed) { ADD_FAILURE() << failed.message(); });
  std::vector<Bytes> all;
  while (reader_.read(to_.native_handle(), [&](const auto&, const auto&, auto payload) {
    all.emplace_back(payload.begin(), payload.end());
  })) {
  }
  EXPECT_EQ(all, (std::vector<Bytes>{{1}, {2}}));
}

TEST_F(DatagramBatch, LargestDatagramPasses) {
  send(to_, pattern(65'507));
  flush();
  EXPECT_EQ(read_all(to_), std::vector<Bytes>{pattern(65'507)});
}

// Switching it on for a first socket and off with the last one rewrites the kernel's code: a millisecond for each flow
// of those that come one after the other.
TEST(DatagramReader, RunsOfDatagramsStaySwitchedOnBetweenFlows) {
#ifdef TFUNNEL_POSIX_FILES
  GTEST_SKIP() << "the portable files read datagrams one by one";
#endif
  io::DatagramReader reader;
  const auto before = open_descriptors();
  for (int i = 0; i < 3; ++i) {
    reader.keep_prepared();
    const auto flow = bound_socket(SOCK_DGRAM);
    io::DatagramReader::prepare(flow.fd());
  }
  EXPECT_EQ(open_descriptors(), before + 1);
}

}  // namespace
}  // namespace tfunnel::test
