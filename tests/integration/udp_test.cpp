// UDP through a whole tunnel: any size, any peer, and the truth about who answered.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;

class Udp : public testing::TestWithParam<const char*> {
 protected:
  /// The next datagram at a server: the payload, and where it came from.
  struct Letter {
    Bytes payload;
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
  };
  static Letter receive(Socket& socket) {
    Letter letter;
    letter.payload.resize(70'000);
    const auto size = ::recvfrom(socket.fd(), letter.payload.data(), letter.payload.size(), 0,
                                 reinterpret_cast<sockaddr*>(&letter.from), &letter.from_size);
    EXPECT_GE(size, 0) << "no datagram came";
    letter.payload.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return letter;
  }
  static void answer(Socket& socket, const Letter& to, const Bytes& payload) {
    ::sendto(socket.fd(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to.from), to.from_size);
  }

  void send(const core::Endpoint& peer, const Bytes& payload) {
    tunnel.call([&] { application->send(peer, payload); });
  }
  bool heard(std::size_t count) {
    return eventually([&] { return tunnel.call([&] { return application->datagrams.size(); }) >= count; });
  }

  Tunnel tunnel{over_pipes, {.udp_timeouts = {1500ms, 3s}}};
  std::shared_ptr<UdpApplication> application = tunnel.udp_application();
  Socket server = bound_socket(SOCK_DGRAM, GetParam());
};

INSTANTIATE_TEST_SUITE_P(Family, Udp, testing::Values("127.0.0.1", "::1"),
                         [](const auto& address) { return std::string(address.param) == "::1" ? "Ipv6" : "Ipv4"; });

TEST_P(Udp, EveryPermittedSizeGoesThereAndBack) {
  std::size_t count = 0;
  const auto most = core::largest_datagram(server.local().address);
  for (const std::size_t size : {0UL, 1UL, 1472UL, 1473UL, 16'383UL, 16'384UL, 65'507UL, most}) {
    send(server.local(), pattern(size));
    const auto letter = receive(server);
    EXPECT_EQ(letter.payload, pattern(size));
    answer(server, letter, pattern(size, 9));
    ASSERT_TRUE(heard(++count));
    EXPECT_EQ(application->datagrams.back(), std::make_pair(server.local(), pattern(size, 9)));
  }
}

TEST_P(Udp, AllPeersSeeOneSourceAndAnybodyMayAnswer) {
  auto other = bound_socket(SOCK_DGRAM, GetParam());
  auto stranger = bound_socket(SOCK_DGRAM, GetParam());
  send(server.local(), bytes_of("a"));
  send(other.local(), bytes_of("b"));
  const auto first = receive(server);
  const auto second = receive(other);
  EXPECT_EQ(std::memcmp(&first.from, &second.from, first.from_size), 0) << "the mapping depends on the peer";
  answer(stranger, first, bytes_of("from a stranger"));
  ASSERT_TRUE(heard(1));
  EXPECT_EQ(application->datagrams.back(), std::make_pair(stranger.local(), bytes_of("from a stranger")));
}

#ifdef __linux__
TEST_P(Udp, ClosedPortIsReportedAsRefusedAndEndsNothing) {
#ifdef TFUNNEL_POSIX_FILES
  GTEST_SKIP() << "POSIX does not tell an unconnected socket which peer refused";
#endif
  const auto closed = closed_endpoint(SOCK_DGRAM, GetParam());
  send(closed, bytes_of("anybody?"));
  EXPECT_TRUE(eventually([&] { return tunnel.call([&] { return application->errors.size(); }) == 1; }));
  EXPECT_EQ(application->errors.at(0), std::make_pair(closed, core::Reason::refused));
  send(server.local(), bytes_of("still works"));
  EXPECT_EQ(receive(server).payload, bytes_of("still works"));
}
#endif

TEST_P(Udp, SilentFlowEndsAtBothEndsAndGivesItsSocketBack) {
  const auto before = open_descriptors();
  send(server.local(), bytes_of("x"));
  receive(server);
  // The flow's socket, and with the first one of all what DatagramReader keeps.
  const auto meanwhile = open_descriptors();
  EXPECT_GT(meanwhile, before);
  EXPECT_LE(meanwhile, before + 2);
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  EXPECT_TRUE(tunnel.call([&] { return application->ended(); }));
  EXPECT_EQ(open_descriptors(), meanwhile - 1);
}

TEST_P(Udp, BurstIsDeliveredOrDroppedButNeverBlocks) {
  constexpr std::size_t count = 2000;
  tunnel.call([&] {
    for (std::size_t i = 0; i < count; ++i) application->send(server.local(), pattern(1400));
  });
  send(closed_endpoint(SOCK_STREAM), bytes_of("after the burst"));
  receive(server);
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() == 0; })) << "the flow must still end when silent";
}

}  // namespace
}  // namespace tfunnel::test
