// Upstream proxies that are reached, and then do not serve: another address, or the next proxy of the list, does.
#include <gtest/gtest.h>

#include "common/app/options.hpp"
#include "proxy/socks5/socks5_address.hpp"
#include "tests/integration/support/dead_first.hpp"
#include "tests/integration/support/http_proxy.hpp"
#include "tests/integration/support/names.hpp"

namespace tfunnel::test {
namespace {

using namespace std::string_literals;

constexpr auto proxy_name = "proxy.example";
// Half of it is how long a proxy may be silent when there are others: what a loaded machine does in time.
constexpr auto time_limit = std::chrono::seconds(10);
constexpr auto short_time_limit = std::chrono::seconds(6);
constexpr auto more_than_half = std::chrono::milliseconds(5500);

proxy::ProxyUrl named(std::uint16_t port) { return {false, proxy_name, port, std::nullopt}; }

Tunnel::Terms through_named(std::vector<proxy::ProxyUrl> proxies, ListedNames::List names,
                            core::Duration timeout = patience) {
  auto terms = through({});
  terms.egress = [proxies = std::move(proxies), names = std::move(names), timeout](asio::io_context& context,
                                                                                   const io::Log& log) {
    return std::make_unique<proxy::HttpConnectEgress>(
        context, proxy::HttpConnectEgress::Settings{proxies, timeout, nullptr, {}, dialler_with(context, names)}, log);
  };
  return terms;
}

/// One flow by way of `upstream`, which is asked and serves it.
void expect_served(Tunnel& tunnel, ScriptedProxy& upstream) {
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  EXPECT_TRUE(peer.request().starts_with("CONNECT 203.0.113.7:8443 "));
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST(HttpProxyFailover, ProxyThatTakesConnectionsAndSaysNothingIsLeftForTheNextAndRests) {
  CapturedLog log;
  ScriptedProxy hung;
  ScriptedProxy upstream;
  {
    Tunnel tunnel(over_pipes, through({hung.url(), upstream.url()}, time_limit));
    expect_served(tunnel, upstream);
    auto asked = hung.accept();
    EXPECT_NE(asked.request(), "");
    EXPECT_NE(asked.socket().wait_end(), Ending::still_open) << "nobody waits there any more";
    for (int i = 0; i < 5; ++i) expect_served(tunnel, upstream);
    EXPECT_FALSE(hung.server().called(std::chrono::milliseconds(0))) << "it rests";
  }
  EXPECT_EQ(count(log.text(), hung.url().text() + " cannot be used: it takes connections and does not answer"), 1U);
}

TEST(HttpProxyFailover, ProxyThatClosesConnectionsUnansweredIsLeftForTheNext) {
  CapturedLog log;
  ScriptedProxy closing;
  ScriptedProxy upstream;
  {
    Tunnel tunnel(over_pipes, through({closing.url(), upstream.url()}));
    auto near = tunnel.connect(destination);
    closing.accept().request();
    auto peer = upstream.accept();
    peer.request();
    peer.send(std::string(connected) + "hello");
    EXPECT_EQ(near.receive(5), bytes_of("hello"));
  }
  EXPECT_EQ(count(log.text(), closing.url().text() + " cannot be used: it closes connections unanswered"), 1U);
}

// The proxy's word on the destination is the answer, even if there are other proxies.
TEST(HttpProxyFailover, RefusalOfOneDestinationConcernsNoOtherProxy) {
  CapturedLog log;
  ScriptedProxy first;
  ScriptedProxy second;
  {
    Tunnel tunnel(over_pipes, through({first.url(), second.url()}));
    for (const auto* status : {"403 Forbidden", "502 Bad Gateway", "503 Unavailable", "504 Gateway Timeout"}) {
      auto near = tunnel.connect(destination);
      auto peer = first.accept();
      peer.request();
      peer.send("HTTP/1.1 "s + status + "\r\n\r\n");
      EXPECT_EQ(near.wait_end(), Ending::reset);
    }
    EXPECT_FALSE(second.server().called(std::chrono::milliseconds(0)));
  }
  EXPECT_EQ(count(log.text(), "cannot be used"), 0U) << log.text();
}

// A destination that is slow must not lose its only way.
TEST(HttpProxyFailover, SlowAnswerIsTakenIfNoOtherProxyCanBeReached) {
  CapturedLog log;
  ScriptedProxy slow;
  {
    Tunnel tunnel(over_pipes, through({slow.url(), proxy_at(closed_endpoint(SOCK_STREAM))}, time_limit));
    auto near = tunnel.connect(destination);
    auto peer = slow.accept();
    peer.request();
    EXPECT_EQ(peer.socket().wait_end(more_than_half), Ending::still_open);
    peer.send(std::string(connected) + "hello");
    EXPECT_EQ(near.receive(5), bytes_of("hello"));
    EXPECT_FALSE(slow.server().called(std::chrono::milliseconds(0))) << "asked once";
  }
  EXPECT_EQ(count(log.text(), slow.url().text() + " cannot be used"), 0U) << log.text();
}

TEST(HttpProxyFailover, ProxyThatAnswersOthersIsNotLeftForASlowDestination) {
  ScriptedProxy first;
  ScriptedProxy second;
  Tunnel tunnel(over_pipes, through({first.url(), second.url()}, time_limit));
  auto slow = tunnel.connect(endpoint("203.0.113.8", 443));
  auto slow_peer = first.accept();
  slow_peer.request();
  expect_served(tunnel, first);
  EXPECT_EQ(slow_peer.socket().wait_end(more_than_half), Ending::still_open);
  slow_peer.send(std::string(connected) + "hello");
  EXPECT_EQ(slow.receive(5), bytes_of("hello"));
  EXPECT_FALSE(second.server().called(std::chrono::milliseconds(0)));
}

class DeadAddressOfProxy : public testing::TestWithParam<DeadFirst> {};
INSTANTIATE_TEST_SUITE_P(Before, DeadAddressOfProxy, dead_before_alive(),
                         [](const auto& which) { return "Pair" + std::to_string(which.index); });

TEST_P(DeadAddressOfProxy, ThatNeverAnswersIsPassedOverByHttp) {
  const BusyServer dead(GetParam().dead);
  ScriptedProxy upstream(GetParam().alive, dead.endpoint().port);
  Tunnel tunnel(over_pipes,
                through_named({named(dead.endpoint().port)}, {{proxy_name, {GetParam().dead, GetParam().alive}}}));
  for (int i = 0; i < 3; ++i) expect_served(tunnel, upstream);
}

TEST_P(DeadAddressOfProxy, ThatIsHungIsLeftByHttpAndThenTriedLast) {
  ScriptedProxy hung(GetParam().dead);
  const auto port = hung.server().endpoint().port;
  ScriptedProxy upstream(GetParam().alive, port);
  Tunnel tunnel(over_pipes,
                through_named({named(port)}, {{proxy_name, {GetParam().dead, GetParam().alive}}}, short_time_limit));
  expect_served(tunnel, upstream);
  hung.accept();
  for (int i = 0; i < 3; ++i) expect_served(tunnel, upstream);
  EXPECT_FALSE(hung.server().called(std::chrono::milliseconds(0)));
}

/// How a proxy's address fails TLS after it took the connection.
class BadTlsAddress : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(That, BadTlsAddress, testing::Values("", "HTTP/1.1 400 Bad Request\r\n\r\n"),
                         [](const auto& which) { return "Kind" + std::to_string(which.index); });

TEST_P(BadTlsAddress, IsLeftForAnotherAndThenTriedLast) {
  std::shared_ptr<proxy::TlsClient> tls;
  try {
    tls = proxy::make_tls_client("");
  } catch (const app::UsageError& error) {
    GTEST_SKIP() << error.what();
  }
  Server bad(512, own_address(1));
  auto url = named(bad.endpoint().port);
  url.tls = true;
  Server good(512, own_address(2), url.port);
  auto terms = through({});
  terms.egress = [&](asio::io_context& context, const io::Log& log) {
    const auto dialler = dialler_with(context, {{proxy_name, {own_address(1), own_address(2)}}});
    return std::make_unique<proxy::HttpConnectEgress>(
        context, proxy::HttpConnectEgress::Settings{{url}, patience, tls, {}, dialler}, log);
  };
  Tunnel tunnel(over_pipes, terms);
  const auto first = tunnel.connect(destination);
  auto peer = bad.accept();
  peer.send(bytes_of(GetParam()));
  peer.half_close();
  constexpr std::uint8_t handshake = 22;
  auto next = good.accept();
  EXPECT_EQ(next.receive(1), Bytes{handshake});
  const auto second = tunnel.connect(destination);
  EXPECT_EQ(good.accept().receive(1), Bytes{handshake});
  EXPECT_FALSE(bad.called(std::chrono::milliseconds(0)));
}

/// A SOCKS5 proxy at `port` of the name.
Tunnel::Terms through_socks5(std::uint16_t port, ListedNames::List names, core::Duration timeout = patience) {
  auto terms = through({});
  terms.egress = {};
  terms.connect_timeout = timeout;
  terms.socks5 = proxy::Socks5Proxy{proxy_name, port, {}};
  terms.dialler = [names = std::move(names)](asio::io_context& context) { return dialler_with(context, names); };
  return terms;
}

void expect_served_by_socks5(Tunnel& tunnel, Server& upstream) {
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  EXPECT_EQ(peer.receive(3), bytes_of("\5\1\0"s));
  peer.send(bytes_of("\5\0"s));
  EXPECT_EQ(peer.receive(10).size(), 10U);
  peer.send(bytes_of("\5\0\0\1\0\0\0\0\0\0hello"s));
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST_P(DeadAddressOfProxy, ThatNeverAnswersIsPassedOverBySocks5) {
  const BusyServer dead(GetParam().dead);
  Server upstream(512, GetParam().alive, dead.endpoint().port);
  Tunnel tunnel(over_pipes, through_socks5(dead.endpoint().port, {{proxy_name, {GetParam().dead, GetParam().alive}}}));
  for (int i = 0; i < 3; ++i) expect_served_by_socks5(tunnel, upstream);
}

TEST_P(DeadAddressOfProxy, ThatIsHungIsLeftBySocks5AndThenTriedLast) {
  Server hung(512, GetParam().dead);
  const auto port = hung.endpoint().port;
  Server upstream(512, GetParam().alive, port);
  Tunnel tunnel(over_pipes,
                through_socks5(port, {{proxy_name, {GetParam().dead, GetParam().alive}}}, short_time_limit));
  expect_served_by_socks5(tunnel, upstream);
  hung.accept();
  for (int i = 0; i < 3; ++i) expect_served_by_socks5(tunnel, upstream);
  EXPECT_FALSE(hung.called(std::chrono::milliseconds(0)));
}

TEST(Socks5Failover, AddressThatClosesConnectionsIsLeftForAnother) {
  Server closing(512, own_address(1));
  const auto port = closing.endpoint().port;
  Server upstream(512, own_address(2), port);
  Tunnel tunnel(over_pipes, through_socks5(port, {{proxy_name, {own_address(1), own_address(2)}}}));
  std::thread close([&] { closing.accept(); });
  expect_served_by_socks5(tunnel, upstream);
  close.join();
}

TEST(Socks5Failover, SlowGreetingIsTakenIfNoOtherAddressCanBeReached) {
  Server slow(512, own_address(1));
  const auto port = slow.endpoint().port;
  Tunnel tunnel(over_pipes, through_socks5(port, {{proxy_name, {own_address(1), own_address(2)}}}, time_limit));
  auto near = tunnel.connect(destination);
  auto peer = slow.accept();
  EXPECT_EQ(peer.receive(3), bytes_of("\5\1\0"s));
  EXPECT_EQ(peer.wait_end(more_than_half), Ending::still_open);
  peer.send(bytes_of("\5\0"s));
  EXPECT_EQ(peer.receive(10).size(), 10U) << "the greeting is sent once";
  peer.send(bytes_of("\5\0\0\1\0\0\0\0\0\0hello"s));
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

/// A relay as the proxy names it, and what is at work there.
class NamedRelay : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(As, NamedRelay, testing::Values("relay.example", "127.0.0.1", "0.0.0.0", "::"),
                         [](const auto& which) { return "Kind" + std::to_string(which.index); });

TEST_P(NamedRelay, IsLookedUp) {
  Server door;
  auto relay = bound_socket(SOCK_DGRAM);
  Tunnel tunnel(over_pipes, through_socks5(door.endpoint().port,
                                           {{proxy_name, {"127.0.0.1"}}, {"relay.example", {"::1", "127.0.0.1"}}}));
  const auto application = tunnel.udp_application();
  const auto peer = endpoint("192.0.2.53", 53);
  tunnel.call([&] { application->send(peer, bytes_of("question")); });
  auto control = door.accept();
  control.receive(3);
  control.send(bytes_of("\5\0"s));
  control.receive(10);
  const auto reply = proxy::socks5_encode({{{}, relay.local().port}, GetParam()});
  control.send(bytes_of("\5\0\0"s + reply));
  EXPECT_EQ(relay.receive(10 + 8), bytes_of(proxy::socks5_datagram_header(peer) + "question"));
}

TEST(Socks5Relay, NameThatNobodyKnowsIsAnErrorForThePeer) {
  Server door;
  Tunnel tunnel(over_pipes, through_socks5(door.endpoint().port, {{proxy_name, {"127.0.0.1"}}}));
  const auto application = tunnel.udp_application();
  const auto peer = endpoint("192.0.2.53", 53);
  tunnel.call([&] { application->send(peer, bytes_of("question")); });
  auto control = door.accept();
  control.receive(3);
  control.send(bytes_of("\5\0"s));
  control.receive(10);
  control.send(bytes_of("\5\0\0"s + proxy::socks5_encode({{{}, 1080}, "gone.example"})));
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return !application->errors.empty(); }); }));
  EXPECT_EQ(application->errors.at(0), std::make_pair(peer, core::Reason::upstream_refused));
  EXPECT_NE(control.wait_end(), Ending::still_open);
}

}  // namespace
}  // namespace tfunnel::test
