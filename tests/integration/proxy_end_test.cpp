// The far end's end, whatever it waits for just then: all of it is cancelled, and the event loop is empty.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "proxy/dns/dns_framing.hpp"
#include "proxy/dns/dns_message.hpp"
#include "proxy/http/egress_http_connect.hpp"
#include "proxy/lookup/system_names.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/integration/support/upstream.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using namespace std::string_literals;

const auto far_away = endpoint("192.0.2.1", 25);

class ProxyEnd : public testing::Test {
 protected:
  ~ProxyEnd() override { std::filesystem::remove(resolv_conf); }

  Tunnel& start(const Tunnel::Terms& terms) { return tunnel.emplace(over_pipes, terms); }
  /// A whole stream whose bytes the far end has: it is to be delivered even when the link is over.
  void send_whole(const core::Endpoint& destination) {
    near = tunnel->connect(destination);
    const auto bytes = bytes_of("all of it"s);
    near.send(bytes);
    near.half_close();
    ASSERT_TRUE(eventually([&] { return tunnel->proxy_counters().bytes_received >= bytes.size(); }));
  }
  void send_to_one_that_does_not_read() {
    constexpr std::size_t amount = 256U << 10;
    near = tunnel->connect(door.endpoint());
    far = door.accept();
    near.send(Bytes(amount));
    near.half_close();
    ASSERT_TRUE(eventually([&] { return tunnel->proxy_counters().bytes_received == amount; }));
  }
  void send(const core::Endpoint& peer, const Bytes& payload) {
    application = tunnel->udp_application();
    tunnel->call([&] { application->send(peer, payload); });
  }
  /// A look-up at `nameserver` that goes on for minutes.
  std::shared_ptr<proxy::HostDialler> dialler(asio::io_context& context) const {
    std::ofstream(resolv_conf) << "options timeout:30 attempts:5\n";
    proxy::SystemNames::Settings settings{resolv_conf, "/nonexistent", {nameserver.local()}};
    return std::make_shared<proxy::HostDialler>(context, std::make_unique<proxy::SystemNames>(context, settings));
  }
  Tunnel::Terms through_socks5(const std::string& host) {
    Tunnel::Terms terms;
    terms.connect_timeout = patience;
    terms.socks5 = proxy::Socks5Proxy{host, door.endpoint().port, {}};
    terms.dialler = [this](asio::io_context& context) { return dialler(context); };
    return terms;
  }
  Tunnel::Terms through_http(const core::Endpoint& proxy) {
    Tunnel::Terms terms;
    terms.egress = [proxy](asio::io_context& context, const io::Log& log) {
      proxy::ProxyUrl url;
      url.host = proxy.address.text();
      url.port = proxy.port;
      return std::make_unique<proxy::HttpConnectEgress>(
          context, proxy::HttpConnectEgress::Settings{{url}, patience, nullptr}, log);
    };
    return terms;
  }
  /// The resolver asks `nameserver`; names that it does not know are given to an upstream.
  Tunnel::Terms with_resolver(const core::Endpoint& server, proxy::Egress* upstream = nullptr) {
    Tunnel::Terms terms;
    terms.names.dns = {server.text()};
    terms.upstream = upstream;
    return terms;
  }

  const std::string resolv_conf =
      (std::filesystem::temp_directory_path() / ("tfunnel-end-" + std::to_string(::getpid()))).string();
  Server door;
  Socket nameserver = bound_socket(SOCK_DGRAM);
  Socket near;
  Socket far;
  std::shared_ptr<UdpApplication> application;
  std::optional<Tunnel> tunnel;
};

TEST_F(ProxyEnd, NameOfTheUpstreamIsBeingLookedUp) {
  start(through_socks5("proxy.example"));
  send_whole(far_away);
  EXPECT_FALSE(receive_letter(nameserver).payload.empty());
  EXPECT_TRUE(tunnel->runs_dry());
}

// Nobody waits for it any more, and it still goes on: others may ask.
TEST_F(ProxyEnd, LookUpWhoseFlowHasGivenUp) {
  start(through_socks5("proxy.example"));
  near = tunnel->connect(far_away);
  EXPECT_FALSE(receive_letter(nameserver).payload.empty());
  near.reset();
  ASSERT_TRUE(eventually([&] { return tunnel->proxy_flows() == 0; }));
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, Socks5DialogueIsHalfDone) {
  start(through_socks5("127.0.0.1"));
  send_whole(far_away);
  far = door.accept();
  EXPECT_EQ(far.receive(3).size(), 3U);
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, ConnectDialogueIsHalfDone) {
  start(through_http(door.endpoint()));
  send_whole(far_away);
  far = door.accept();
  EXPECT_EQ(far.receive(7), bytes_of("CONNECT"s));
  far.send(bytes_of("HTTP/1.1 200"s));
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, ConnectionIsBeingMade) {
  const BusyServer busy;
  start({});
  send_whole(busy.endpoint());
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, ConnectionToTheUpstreamIsBeingMade) {
  const BusyServer busy;
  start(through_http(busy.endpoint()));
  send_whole(far_away);
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, DestinationNeitherReadsNorEnds) {
  start({});
  send_to_one_that_does_not_read();
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, DestinationNeitherReadsNorEndsBehindAnInterceptor) {
  struct All final : proxy::InterceptorFactory {
    std::unique_ptr<proxy::Interceptor> intercept(const proxy::Target& /*target*/) override {
      return std::make_unique<proxy::Interceptor>();
    }
  } all;
  Tunnel::Terms terms;
  terms.interceptors = &all;
  start(terms);
  send_to_one_that_does_not_read();
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, QueryOverUdpIsUnanswered) {
  start(with_resolver(nameserver.local()));
  send(resolver, dns_query("www.example.com"));
  EXPECT_FALSE(receive_letter(nameserver).payload.empty());
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, QueryOverTcpIsUnanswered) {
  start(with_resolver(door.endpoint()));
  near = tunnel->connect(resolver);
  near.send(proxy::dns::framed(dns_query("www.example.com")));
  far = door.accept();
  EXPECT_EQ(far.receive(2).size(), 2U);
  EXPECT_TRUE(tunnel->runs_dry());
}

// It is ended when nobody has used it for a while.
TEST_F(ProxyEnd, ConnectionToTheResolverIsIdle) {
  start(with_resolver(door.endpoint()));
  near = tunnel->connect(resolver);
  const auto query = dns_query("www.example.com");
  near.send(proxy::dns::framed(query));
  far = door.accept();
  auto asked = far.receive(2 + query.size());
  asked.erase(asked.begin(), asked.begin() + 2);
  const auto answer = proxy::dns::framed(proxy::dns::failure(asked, proxy::dns::Rcode::refused));
  far.send(answer);
  EXPECT_EQ(near.receive(answer.size()).size(), answer.size());
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, QueryThroughTheUpstreamIsUnanswered) {
  Upstream upstream(door.endpoint());
  auto terms = with_resolver(nameserver.local(), &upstream);
  terms.carries_datagrams = false;
  start(terms);
  send(endpoint("192.0.2.53", 53), dns_query("www.example.com"));
  far = door.accept();
  EXPECT_EQ(far.receive(2).size(), 2U);
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, ConnectionForAQueryIsBeingMade) {
  const BusyServer busy;
  auto terms = through_http(busy.endpoint());
  terms.carries_datagrams = false;
  start(terms);
  send(endpoint("192.0.2.53", 53), dns_query("www.example.com"));
  ASSERT_TRUE(eventually([&] { return tunnel->proxy_flows() == 1; }));
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, NameThatMayGetAVirtualAddressIsAskedFor) {
  Upstream upstream(door.endpoint());
  start(with_resolver(nameserver.local(), &upstream));
  send(resolver, dns_query("www.example.com"));
  EXPECT_FALSE(receive_letter(nameserver).payload.empty());
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, TopLevelDomainIsAskedFor) {
  Upstream upstream(door.endpoint());
  start(with_resolver(nameserver.local(), &upstream));
  send(resolver, dns_query("www.example.com"));
  const auto query = receive_letter(nameserver);
  answer_letter(nameserver, query, proxy::dns::failure(query.payload, proxy::dns::Rcode::name_error));
  EXPECT_FALSE(receive_letter(nameserver).payload.empty());
  EXPECT_TRUE(tunnel->runs_dry());
}

TEST_F(ProxyEnd, UdpFlowIsOpen) {
  start({});
  auto server = bound_socket(SOCK_DGRAM);
  send(server.local(), bytes_of("hello"s));
  EXPECT_EQ(receive_letter(server).payload, bytes_of("hello"s));
  EXPECT_TRUE(tunnel->runs_dry());
}

// Datagrams that wait for it are sent even when the link is over.
TEST_F(ProxyEnd, AssociationIsBeingMade) {
  start(through_socks5("127.0.0.1"));
  send(endpoint("192.0.2.53", 53), bytes_of("question"s));
  far = door.accept();
  EXPECT_EQ(far.receive(3).size(), 3U);
  EXPECT_TRUE(tunnel->runs_dry());
}

// The relay gets a moment to read what was sent to it last.
TEST_F(ProxyEnd, AssociationIsOpen) {
  start(through_socks5("127.0.0.1"));
  auto relay = bound_socket(SOCK_DGRAM);
  send(endpoint("192.0.2.53", 53), bytes_of("question"s));
  far = door.accept();
  EXPECT_EQ(far.receive(3).size(), 3U);
  far.send(bytes_of("\5\0"s));
  EXPECT_EQ(far.receive(10).size(), 10U);
  const auto port = relay.local().port;
  far.send(bytes_of("\5\0\0\1\x7f\0\0\1"s + static_cast<char>(port >> 8) + static_cast<char>(port & 0xff)));
  EXPECT_FALSE(receive_letter(relay).payload.empty());
  EXPECT_TRUE(tunnel->runs_dry());
}

}  // namespace
}  // namespace tfunnel::test
