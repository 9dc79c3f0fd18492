// The way out through an HTTP proxy that behaves.
#include <gtest/gtest.h>

#include "proxy/udp/udp_refused.hpp"
#include "tests/integration/support/http_proxy.hpp"

namespace tfunnel::test {
namespace {

constexpr auto asks_basic =
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 4\r\n\r\nbody";

proxy::ProxyUrl with_password(proxy::ProxyUrl url) {
  url.credentials = proxy::Credentials{"Aladdin", "open sesame"};
  return url;
}

/// connect() alone, without a tunnel: what it gives to the relay.
result<tcp::socket> connect_through(asio::io_context& context, const proxy::ProxyUrl& url) {
  const io::Log log(io::LogLevel::error, io::LogFormat::text, "test");
  proxy::HttpConnectEgress egress(context, {{url}, patience, nullptr}, log);
  result<tcp::socket> made = error_code(asio::error::not_connected);
  asio::spawn(
      context,
      [&](const asio::yield_context& yield) {
        made = egress.connect({{}, destination, {}}, yield);
      },
      [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
  context.run();
  return made;
}

TEST(HttpConnect, RequestNamesTheDestinationAndBytesPassBothWays) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  const auto request = peer.request();
  EXPECT_TRUE(request.starts_with("CONNECT 203.0.113.7:8443 HTTP/1.1\r\nHost: 203.0.113.7:8443\r\n")) << request;
  near.send(pattern(300'000));
  near.half_close();
  peer.send(connected);
  EXPECT_EQ(peer.socket().receive_all(), pattern(300'000));
  peer.socket().send(pattern(200'000, 1));
  peer.socket().half_close();
  EXPECT_EQ(near.receive_all(), pattern(200'000, 1));
}

TEST(HttpConnect, Ipv6DestinationHasBrackets) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  auto near = tunnel.connect(endpoint("2001:db8::1", 443));
  EXPECT_TRUE(
      upstream.accept().request().starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"));
}

TEST(HttpConnect, StreamRightBehindTheAnswerIsNotLost) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  peer.send(std::string(connected) + "220 the server speaks first\r\n");
  EXPECT_EQ(near.receive(29), bytes_of("220 the server speaks first\r\n"));
}

TEST(HttpConnect, RelayGetsTheBareSocketSoThatPayloadCanBeSpliced) {
  ScriptedProxy upstream;
  std::thread script([&] {
    auto peer = upstream.accept();
    peer.request();
    peer.send(std::string(connected) + "early");
    peer.socket().wait_end();
  });
  asio::io_context context;
  auto socket = connect_through(context, upstream.url());
  ASSERT_TRUE(socket.has_value()) << socket.error().message();
  EXPECT_EQ(io::from_asio(socket->remote_endpoint()), upstream.server().endpoint()) << "no pump in between";
  std::array<char, 16> early{};
  EXPECT_EQ(socket->read_some(asio::buffer(early)), 5U) << "what followed the head is still in the kernel";
  socket->close();
  script.join();
}

TEST(HttpConnect, AnswerInSingleBytesWithInterimResponses) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  peer.send_slowly("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  peer.send_slowly(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST(HttpConnect, ChallengeIsAnsweredOnTheSameConnection) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({with_password(upstream.url())}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  EXPECT_EQ(peer.request().find("Authorization"), std::string::npos);
  peer.send_slowly(asks_basic);
  EXPECT_NE(peer.request().find("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), std::string::npos);
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

class ClosingProxy : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
    By, ClosingProxy,
    testing::Values("HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nConnection: close\r\n\r\nbody",
                    "HTTP/1.0 407 A\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
                    "HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 100\r\n\r\ncut short",
                    // Promises to keep the connection, and does not.
                    "HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"),
    [](const auto& which) { return "Kind" + std::to_string(which.index); });

TEST_P(ClosingProxy, ChallengeIsAnsweredOnANewConnection) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({with_password(upstream.url())}));
  auto near = tunnel.connect(destination);
  {
    auto first = upstream.accept();
    first.request();
    first.send(GetParam());
  }
  auto peer = upstream.accept();
  EXPECT_NE(peer.request().find("Proxy-Authorization: Basic"), std::string::npos);
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST(HttpConnect, LaterFlowsSendTheirCredentialsAtOnce) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({with_password(upstream.url())}));
  auto first = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  peer.send(asks_basic);
  peer.request();
  auto second = tunnel.connect(destination);
  EXPECT_NE(upstream.accept().request().find("Proxy-Authorization"), std::string::npos);
}

TEST(HttpConnect, DeadProxyIsPassedOverAndThenNotTriedFirst) {
  CapturedLog log;
  ScriptedProxy upstream;
  const auto dead = proxy_at(closed_endpoint(SOCK_STREAM));
  {
    Tunnel tunnel(over_pipes, through({dead, upstream.url()}));
    for (int i = 0; i < 20; ++i) {
      auto near = tunnel.connect(destination);
      auto peer = upstream.accept();
      peer.request();
      peer.send(std::string(connected) + "hello");
      EXPECT_EQ(near.receive(5), bytes_of("hello"));
    }
  }
  EXPECT_GE(count(log.text(), dead.text() + " cannot be reached: Connection refused; others are preferred for"), 1U);
  EXPECT_LT(count(log.text(), "others are preferred"), 5U) << "it rests";
}

TEST(HttpConnect, ProxyThatDoesNotTakeConnectionsIsPassedOver) {
  BusyServer silent;
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({proxy_at(silent.endpoint()), upstream.url()}, std::chrono::seconds(1)));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST(HttpConnect, ResetOfEitherSideIsAReset) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  for (const bool near_resets : {true, false}) {
    auto near = tunnel.connect(destination);
    auto peer = upstream.accept();
    peer.request();
    peer.send(std::string(connected) + "x");
    near.receive(1);
    (near_resets ? near : peer.socket()).reset();
    EXPECT_EQ((near_resets ? peer.socket() : near).wait_end(), Ending::reset);
  }
}

TEST(UdpRefused, DatagramIsAnsweredWithAnErrorAtOnceAndCounted) {
  CapturedLog log;
  {
    Tunnel tunnel(over_pipes, {.refusal =
                                   [](const io::Log& lines) {
                                     static const proxy::NoProxy none;
                                     return std::make_unique<proxy::UdpRefused>(none, lines);
                                   },
                               .log_level = io::LogLevel::info});
    const auto application = tunnel.udp_application();
    const auto peer = endpoint("127.0.0.1", 9);
    // One after the other, since errors that wait for their turn together are told once.
    for (std::size_t i = 1; i <= 3; ++i) {
      tunnel.call([&] { application->send(peer, bytes_of("quic")); });
      EXPECT_TRUE(eventually([&] { return tunnel.call([&] { return application->errors.size() == i; }); }));
    }
    EXPECT_EQ(application->errors.at(0), (std::pair(peer, core::Reason::refused)));
  }
  EXPECT_EQ(count(log.text(), "UDP cannot pass the HTTP proxy; refused"), 1U);
}

TEST(UdpRefused, ExceptedPeerIsReachedDirectly) {
  const auto server = bound_socket(SOCK_DGRAM);
  static proxy::NoProxy local;
  local.add("127.0.0.1:" + std::to_string(server.local().port));
  Tunnel tunnel(over_pipes,
                {.refusal = [](const io::Log& lines) { return std::make_unique<proxy::UdpRefused>(local, lines); }});
  const auto application = tunnel.udp_application();
  tunnel.call([&] {
    application->send(endpoint("127.0.0.2", 9), bytes_of("refused"));
    application->send(server.local(), bytes_of("direct"));
  });
  std::array<char, 16> buffer{};
  EXPECT_EQ(::recv(server.fd(), buffer.data(), buffer.size(), 0), 6);
  EXPECT_TRUE(eventually([&] { return tunnel.call([&] { return application->errors.size() == 1; }); }));
}

}  // namespace
}  // namespace tfunnel::test
