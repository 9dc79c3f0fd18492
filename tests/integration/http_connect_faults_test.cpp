// The way out through HTTP proxies that refuse, lie, stall or break: each ends in a reset, with one line in the
// log that says what happened, and leaves nothing behind.
#include <gtest/gtest.h>

#include <future>

#include "common/app/options.hpp"
#include "tests/integration/support/http_proxy.hpp"

namespace tfunnel::test {
namespace {

constexpr auto brief = std::chrono::milliseconds(1000);

struct Fault {
  const char* name;
  std::string answer;  // the connection is closed behind it
  std::string line;    // what the log says
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class BadAnswer : public testing::TestWithParam<Fault> {};

INSTANTIATE_TEST_SUITE_P(
    Of, BadAnswer,
    testing::Values(Fault{"Nothing", "", "closed the connection without an answer"},
                    Fault{"HalfAHead", "HTTP/1.1 200 OK\r\nX:", "closed the connection in the middle of its answer"},
                    Fault{"GiantHead", "HTTP/1.1 200 OK\r\nX: " + std::string(300'000, 'x'),
                          "a response head of more than 256 KiB"},
                    Fault{"NoHttp", "SSH-2.0-OpenSSH\r\n\r\n", "something that is no HTTP response: \"SSH-2.0"},
                    Fault{"Forbidden", "HTTP/1.1 403 Forbidden\r\n\r\n",
                          "permits no port 8443 (403), or not to this destination: Forbidden; many"},
                    Fault{"WantsCredentials", "HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x, NTLM\r\n\r\n",
                          "wants credentials (407, offers Basic, NTLM); give --proxy-user"},
                    Fault{"BadGateway", "HTTP/1.1 502 Bad Gateway\r\n\r\n",
                          "refused: 502 Bad Gateway; the proxy could not reach"},
                    Fault{"Unavailable", "HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n",
                          "refused: 503 No (ERR_CONNECT_FAIL 111)"},
                    Fault{"GatewayTimeout", "HTTP/1.1 504 Gateway Timeout\r\n\r\n",
                          "refused: 504 Gateway Timeout; the destination"},
                    Fault{"Upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "refused: 101"},
                    Fault{"Redirect", "HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", "refused: 302 Found"}),
    [](const auto& which) { return which.param.name; });

TEST_P(BadAnswer, IsAResetAndALineInTheLog) {
  CapturedLog log;
  const auto before = open_descriptors();
  {
    ScriptedProxy upstream;
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int i = 0; i < 50; ++i) {
      auto near = tunnel.connect(destination);
      auto peer = upstream.accept();
      peer.request();
      peer.send(GetParam().answer);
      peer.socket().half_close();
      EXPECT_EQ(near.wait_end(), Ending::reset);
    }
    EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(count(log.text(), GetParam().line), 50U) << log.text().substr(0, 500);
  EXPECT_EQ(count(log.text(), "destination=203.0.113.7:8443"), 50U);
}

class Stall : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(At, Stall,
                         testing::Values("", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
                         [](const auto& which) { return "Point" + std::to_string(which.index); });

TEST_P(Stall, EndsAtTheTimeLimit) {
  CapturedLog log;
  const auto before = open_descriptors();
  {
    ScriptedProxy upstream;
    Tunnel tunnel(over_pipes, through({upstream.url()}, brief));
    auto near = tunnel.connect(destination);
    auto peer = upstream.accept();
    peer.request();
    peer.send(GetParam());
    EXPECT_EQ(near.wait_end(), Ending::reset);
    EXPECT_EQ(peer.socket().wait_end(), Ending::reset) << "the proxy learns that nobody waits any more";
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(count(log.text(), "within the time limit (--connect-timeout)"), 1U) << log.text();
}

TEST(HttpConnectFaults, StallInABodyBeforeTheSecondRequestEndsAtTheTimeLimit) {
  ScriptedProxy upstream;
  auto url = upstream.url();
  url.credentials = proxy::Credentials{"u", "p"};
  Tunnel tunnel(over_pipes, through({url}, brief));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  peer.send("HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

TEST(HttpConnectFaults, EndlessInterimResponsesEnd) {
  ScriptedProxy upstream;
  Tunnel tunnel(over_pipes, through({upstream.url()}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  for (int i = 0; i < 100; ++i) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

/// Sends `begin`, and then fills for as long as anybody listens.
std::future<void> talk_for_ever(ProxyPeer& peer, const std::string& begin, const std::string& filler) {
  return std::async(std::launch::async, [&peer, begin, filler] {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    peer.send(begin);
    while (peer.socket().send(bytes_of(filler))) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  });
}

class EndlessBody : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Of, EndlessBody,
                         testing::Values("Transfer-Encoding: chunked\r\n\r\n1;",
                                         "Transfer-Encoding: chunked\r\n\r\n0\r\nX:"),
                         [](const auto& which) { return "Kind" + std::to_string(which.index); });

// The next request goes over another connection; meanwhile the event loop is there for others.
TEST_P(EndlessBody, CostsOneConnectionAndNothingElse) {
  ScriptedProxy upstream;
  auto url = upstream.url();
  url.credentials = proxy::Credentials{"u", "p"};
  Tunnel tunnel(over_pipes, through({url}));
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  peer.request();
  auto talk = talk_for_ever(peer,
                            "HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nProxy-Connection: keep-alive\r\n" +
                                std::string(GetParam()),
                            std::string(65'536, 'e'));
  auto next = upstream.accept();
  EXPECT_NE(next.request().find("Proxy-Authorization: Basic"), std::string::npos);
  next.send(connected);
  near.send(bytes_of("hello"));
  EXPECT_EQ(next.socket().receive(5), bytes_of("hello"));
  talk.get();
}

// A message that TLS skips by itself (RFC 5246, 7.4.1.1), without end.
TEST(HttpConnectFaults, EndlessTlsHandshakeEndsAtTheTimeLimit) {
  std::shared_ptr<proxy::TlsClient> tls;
  try {
    tls = proxy::make_tls_client("");
  } catch (const app::UsageError& error) {
    GTEST_SKIP() << error.what();
  }
  ScriptedProxy upstream;
  auto url = upstream.url();
  url.tls = true;
  auto terms = through({});
  terms.egress = [&](asio::io_context& context, const io::Log& log) {
    return std::make_unique<proxy::HttpConnectEgress>(context,
                                                      proxy::HttpConnectEgress::Settings{{url}, brief, tls, {}}, log);
  };
  Tunnel tunnel(over_pipes, terms);
  auto near = tunnel.connect(destination);
  auto peer = upstream.accept();
  EXPECT_FALSE(peer.socket().receive(100).empty()) << "a ClientHello";
  const std::string hello_requests(1 << 14, '\0');
  const std::string record = std::string("\x16\x03\x03\x40\x00", 5) + hello_requests;
  auto talk = talk_for_ever(peer, record, record);
  EXPECT_EQ(near.wait_end(), Ending::reset);
  talk.get();
}

TEST(HttpConnectFaults, ProxyThatNeverTakesConnectionsIsAResetInTime) {
  CapturedLog log;
  {
    BusyServer silent;
    Tunnel tunnel(over_pipes, through({proxy_at(silent.endpoint())}, brief));
    auto near = tunnel.connect(destination);
    EXPECT_EQ(near.wait_end(), Ending::reset);
  }
  EXPECT_EQ(count(log.text(), "cannot be reached: it does not answer in time"), 1U) << log.text();
  EXPECT_EQ(count(log.text(), "no HTTP proxy can be reached"), 0U) << "there is but one: " << log.text();
}

TEST(HttpConnectFaults, NoProxyAliveIsAResetForEachFlow) {
  CapturedLog log;
  {
    Tunnel tunnel(over_pipes,
                  through({proxy_at(closed_endpoint(SOCK_STREAM)), proxy_at(closed_endpoint(SOCK_STREAM))}));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(tunnel.connect(destination).wait_end(), Ending::reset);
  }
  EXPECT_EQ(count(log.text(), "no HTTP proxy can be reached"), 10U);
}

TEST(HttpConnectFaults, UnknownProxyNameIsSaid) {
  CapturedLog log;
  {
    Tunnel tunnel(over_pipes, through({{false, "no-such-host.invalid", 3128, std::nullopt}}));
    EXPECT_EQ(tunnel.connect(destination).wait_end(), Ending::reset);
  }
  EXPECT_EQ(count(log.text(), "cannot be reached: its name cannot be resolved"), 1U) << log.text();
}

TEST(HttpConnectFaults, RefusedCredentialsAreNeverLogged) {
  CapturedLog log;
  {
    ScriptedProxy upstream;
    auto url = upstream.url();
    url.credentials = proxy::Credentials{"Aladdin", "sesame"};
    Tunnel tunnel(over_pipes, through({url}));
    auto near = tunnel.connect(destination);
    for (int i = 0; i < 2; ++i) {
      auto peer = upstream.accept();
      peer.request();
      peer.send("HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nConnection: close\r\n\r\n");
    }
    EXPECT_EQ(near.wait_end(), Ending::reset);
  }
  EXPECT_EQ(count(log.text(), "refused the credentials (407): check --proxy-user and the password; it offers Basic"),
            1U)
      << log.text();
  for (const auto* secret : {"sesame", "Aladdin", "QWxhZGRpbjpzZXNhbWU="}) EXPECT_EQ(count(log.text(), secret), 0U);
}

TEST(HttpConnectFaults, ApplicationThatGivesUpEndsTheAttemptAtAnyStep) {
  CapturedLog log;
  const auto before = open_descriptors();
  {
    ScriptedProxy upstream;
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int step = 0; step < 40; ++step) {
      auto near = tunnel.connect(destination);
      if (step % 4 == 0) {
        near.reset();
        // Then the attempt has called by now, or never will.
        EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
        if (upstream.server().called(std::chrono::milliseconds(0))) upstream.accept();
        continue;
      }
      auto peer = upstream.accept();
      if (step % 4 > 1) peer.request();
      if (step % 4 > 2) peer.send("HTTP/1.1 200");
      near.reset();
      EXPECT_NE(peer.socket().wait_end(), Ending::still_open);
    }
    EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(count(log.text(), "setting a flow up failed"), 0U) << log.text();
}

TEST(HttpConnectFaults, TenThousandRefusalsLeaveNoDescriptor) {
  CapturedLog log;
  ScriptedProxy upstream;
  auto terms = through({upstream.url()});
  terms.log_level = io::LogLevel::error;
  Tunnel tunnel(over_pipes, terms);
  std::size_t after_first = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto near = tunnel.connect(destination);
    auto peer = upstream.accept();
    peer.request();
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    ASSERT_EQ(near.wait_end(), Ending::reset) << i;
    if (i == 100) after_first = open_descriptors();
  }
  EXPECT_LE(open_descriptors(), after_first + 4);
}

}  // namespace
}  // namespace tfunnel::test
