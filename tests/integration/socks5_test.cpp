// A SOCKS5 proxy that misbehaves as no real one can be made to. The behaviour of real ones is tested with dante
// (tests/e2e).
#include <gtest/gtest.h>

#include "proxy/socks5/socks5_address.hpp"
#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

using namespace std::string_literals;

const auto connect_reply = "\5\0\0\1\0\0\0\0\0\0"s;

class Socks5Faults : public testing::Test {
 protected:
  static proxy::Socks5Proxy at(const core::Endpoint& endpoint) { return {endpoint.address.text(), endpoint.port, {}}; }

  /// The proxy's side of a conversation up to the request, which is returned.
  Bytes take_request() {
    control = door.accept();
    EXPECT_EQ(control.receive(3), bytes_of("\5\1\0"s));
    control.send(bytes_of("\5\0"s));
    return control.receive(10);
  }
  void start_udp(const std::string& relay_address) {
    tunnel.call([&] { application->send(peer, bytes_of("question")); });
    EXPECT_EQ(take_request()[1], 3);
    const auto port = relay.local().port;
    control.send(bytes_of("\5\0\0\1"s + relay_address + static_cast<char>(port >> 8) + static_cast<char>(port & 0xff)));
  }
  /// The next datagram at the relay; its sender is where answers go.
  Bytes at_relay() {
    Bytes bytes(2000);
    socklen_t size = sizeof sender;
    const auto count =
        ::recvfrom(relay.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&sender), &size);
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return bytes;
  }
  void from_relay(const Bytes& bytes) {
    ::sendto(relay.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&sender), sizeof sender);
  }
  bool errors(std::size_t count) {
    return eventually([&] { return tunnel.call([&] { return application->errors.size(); }) >= count; });
  }

  Server door;
  Tunnel tunnel{over_pipes, {.connect_timeout = std::chrono::minutes(1), .socks5 = at(door.endpoint())}};
  const core::Endpoint peer = endpoint("192.0.2.53", 53);
  std::shared_ptr<UdpApplication> application = tunnel.udp_application();
  Socket control;
  Socket relay = bound_socket(SOCK_DGRAM);
  sockaddr_in sender{};
};

TEST_F(Socks5Faults, PayloadGluedToTheReplyIsNotLost) {
  auto near = tunnel.connect(endpoint("192.0.2.1", 25));
  EXPECT_EQ(take_request(), bytes_of("\5\1\0\1\xc0\0\2\1\0\x19"s));
  control.send(bytes_of(connect_reply + "220 first words"));
  EXPECT_EQ(near.receive(15), bytes_of("220 first words"));
  near.send(bytes_of("answer"));
  EXPECT_EQ(control.receive(6), bytes_of("answer"));
}

TEST_F(Socks5Faults, ReplyInSingleBytesIsUnderstood) {
  auto near = tunnel.connect(endpoint("192.0.2.1", 25));
  take_request();
  for (const char byte : connect_reply) control.send(bytes_of(std::string(1, byte)));
  control.send(bytes_of("hello"));
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST_F(Socks5Faults, EndInTheMiddleOfTheHandshakeIsAReset) {
  for (const auto& part : {""s, "\5"s, "\5\0\0"s, "\5\0\0\1\0\0"s, "\5\0\0\3"s}) {
    auto near = tunnel.connect(endpoint("192.0.2.1", 25));
    take_request();
    control.send(bytes_of(part));
    control.close();
    EXPECT_EQ(near.wait_end(), Ending::reset);
  }
}

TEST_F(Socks5Faults, SilenceInTheMiddleOfTheHandshakeTimesOut) {
  Tunnel hasty(over_pipes, {.connect_timeout = std::chrono::milliseconds(1500), .socks5 = at(door.endpoint())});
  auto near = hasty.connect(endpoint("192.0.2.1", 25));
  take_request();
  EXPECT_EQ(near.wait_end(), Ending::reset);
  EXPECT_NE(control.wait_end(), Ending::still_open) << "the attempt's connection is left open";
}

TEST_F(Socks5Faults, ApplicationThatGivesUpEndsTheHandshake) {
  auto near = tunnel.connect(endpoint("192.0.2.1", 25));
  take_request();
  near.reset();
  EXPECT_NE(control.wait_end(), Ending::still_open);
}

TEST_F(Socks5Faults, RelayAtAllZerosIsAtTheProxysOwnAddress) {
  start_udp("\0\0\0\0"s);
  EXPECT_EQ(at_relay(), bytes_of(proxy::socks5_datagram_header(peer) + "question"));
}

TEST_F(Socks5Faults, FragmentsAndNonsenseFromTheRelayAreDroppedAndTheRestArrives) {
  start_udp("\x7f\0\0\1"s);
  at_relay();
  auto fragment = bytes_of(proxy::socks5_datagram_header(peer) + "fragment");
  fragment[2] = 1;
  for (const auto& bytes : {fragment, Bytes{}, Bytes(3), Bytes(9, 0xff)}) from_relay(bytes);
  const auto other = endpoint("2001:db8::53", 5353);
  from_relay(bytes_of(proxy::socks5_datagram_header(other) + "answer"));
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return !application->datagrams.empty(); }); }));
  EXPECT_EQ(application->datagrams.size(), 1U);
  EXPECT_EQ(application->datagrams[0], std::make_pair(other, bytes_of("answer")));
}

TEST_F(Socks5Faults, StrangersCannotSpeakForTheRelay) {
  start_udp("\x7f\0\0\1"s);
  at_relay();
  auto stranger = bound_socket(SOCK_DGRAM);
  const auto lie = bytes_of(proxy::socks5_datagram_header(peer) + "lie");
  ::sendto(stranger.fd(), lie.data(), lie.size(), 0, reinterpret_cast<const sockaddr*>(&sender), sizeof sender);
  from_relay(bytes_of(proxy::socks5_datagram_header(peer) + "truth"));
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return !application->datagrams.empty(); }); }));
  EXPECT_EQ(application->datagrams[0].second, bytes_of("truth"));
}

TEST_F(Socks5Faults, RefusedAssociationIsAnErrorForEveryPeerThatWaits) {
  const auto other = endpoint("192.0.2.54", 53);
  tunnel.call([&] {
    application->send(peer, bytes_of("a"));
    application->send(other, bytes_of("b"));
  });
  take_request();
  // Both wait behind the association: the second came over the link at the same time as the first.
  control.send(bytes_of("\5\7\0\1\0\0\0\0\0\0"s));
  ASSERT_TRUE(errors(2));
  for (const auto& [at, reason] : application->errors) {
    EXPECT_TRUE(at == peer || at == other);
    EXPECT_EQ(reason, core::Reason::upstream_refused);
  }
  EXPECT_TRUE(eventually([&] { return tunnel.call([&] { return application->ended(); }); }));
}

TEST_F(Socks5Faults, LostAssociationEndsTheFlowWithAnError) {
  start_udp("\x7f\0\0\1"s);
  at_relay();
  control.close();
  ASSERT_TRUE(errors(1));
  EXPECT_EQ(application->errors[0], std::make_pair(peer, core::Reason::upstream_refused));
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
}

TEST_F(Socks5Faults, FlowThatEndsWhileAssociatingLeavesNothing) {
  tunnel.call([&] { application->send(peer, bytes_of("question")); });
  take_request();
  tunnel.call([&] { application->on_fin(); });
  EXPECT_NE(control.wait_end(), Ending::still_open);
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
}

}  // namespace
}  // namespace tfunnel::test
