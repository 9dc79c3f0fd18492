// Exchanges of tokens with HTTP proxies over real connections: NTLM and Negotiate prove us for one connection only.
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "proxy/auth/base64.hpp"
#include "tests/integration/support/http_proxy.hpp"
#include "tests/unit/support/fake_contexts.hpp"

namespace tfunnel::test {
namespace {

using proxy::Mechanism;

constexpr auto asks_ntlm = "HTTP/1.1 407 A\r\nProxy-Authenticate: NTLM\r\nContent-Length: 4\r\n\r\nbody";

std::string ntlm_nonce(const std::string& fields) {
  return "HTTP/1.1 407 A\r\nProxy-Authenticate: NTLM " + proxy::base64_encoded("nonce") + "\r\n" + fields + "\r\n";
}

class HttpConnectTokens : public testing::Test {
 protected:
  HttpConnectTokens() { contexts_.script(Mechanism::ntlm, {{"hello", ""}, {"proof", ""}}); }

  static testing::AssertionResult sends(ProxyPeer& peer, const std::string& value) {
    const auto request = peer.request();
    if (request.find("Proxy-Authorization: " + value + "\r\n") != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << request;
  }
  static std::string ntlm(const std::string& token) { return "NTLM " + proxy::base64_encoded(token); }

  FakeContexts contexts_;
  ScriptedProxy upstream_;
};

TEST_F(HttpConnectTokens, AllLegsGoOverOneConnection) {
  Tunnel tunnel(over_pipes, through({upstream_.url()}, patience, contexts_.maker()));
  auto near = tunnel.connect(destination);
  auto peer = upstream_.accept();
  EXPECT_EQ(peer.request().find("Authorization"), std::string::npos);
  peer.send(asks_ntlm);
  EXPECT_TRUE(sends(peer, ntlm("hello")));
  peer.send_slowly(ntlm_nonce("Content-Length: 4\r\n") + "body");
  EXPECT_TRUE(sends(peer, ntlm("proof")));
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST_F(HttpConnectTokens, FirstLegMayNeedANewConnection) {
  Tunnel tunnel(over_pipes, through({upstream_.url()}, patience, contexts_.maker()));
  auto near = tunnel.connect(destination);
  {
    auto first = upstream_.accept();
    first.request();
    first.send("HTTP/1.1 407 A\r\nProxy-Authenticate: NTLM\r\nConnection: close\r\n\r\n");
  }
  auto peer = upstream_.accept();
  EXPECT_TRUE(sends(peer, ntlm("hello")));
  peer.send(ntlm_nonce("Content-Length: 0\r\n"));
  EXPECT_TRUE(sends(peer, ntlm("proof")));
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

TEST_F(HttpConnectTokens, ConnectionThatEndsBetweenTheLegsIsAResetAndALine) {
  CapturedLog log;
  const auto before = open_descriptors();
  {
    Tunnel tunnel(over_pipes, through({upstream_.url()}, patience, contexts_.maker()));
    for (const auto* fields : {"Connection: close\r\n", "Content-Length: 0\r\n"}) {
      auto near = tunnel.connect(destination);
      auto peer = upstream_.accept();
      if (peer.request().find("NTLM") == std::string::npos) {
        peer.send(asks_ntlm);
        peer.request();
      }
      peer.send(ntlm_nonce(fields));
      peer.socket().half_close();
      EXPECT_EQ(near.wait_end(), Ending::reset);
    }
    EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
  }
  EXPECT_LE(open_descriptors(), before);
  EXPECT_EQ(count(log.text(), "closed the connection that it was authenticating"), 2U) << log.text();
}

TEST_F(HttpConnectTokens, SchemeThatFailsGivesWayToBasicOnANewConnection) {
  auto url = upstream_.url();
  url.credentials = proxy::Credentials{"Aladdin", "open sesame"};
  Tunnel tunnel(over_pipes, through({url}, patience, contexts_.maker()));
  auto near = tunnel.connect(destination);
  const std::string both =
      "HTTP/1.1 407 A\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
  auto first = upstream_.accept();
  first.request();
  first.send(both);
  EXPECT_TRUE(sends(first, ntlm("hello")));
  first.send(both);
  auto peer = upstream_.accept();
  EXPECT_TRUE(sends(peer, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
  peer.send(std::string(connected) + "hello");
  EXPECT_EQ(near.receive(5), bytes_of("hello"));
}

/// A step that waits, as for a key distribution centre that does not answer.
class SlowContext final : public proxy::SecurityContext {
 public:
  explicit SlowContext(std::shared_future<void> answer) : answer_(std::move(answer)) {}
  Step step(const std::string& /*received*/) override {
    answer_.wait_for(patience);  // not for ever: a failed test does not answer
    return {"late", ""};
  }

 private:
  std::shared_future<void> answer_;
};

class SlowSteps : public HttpConnectTokens {
 protected:
  proxy::MakeSecurityContext maker() {
    return [answer = promise_.get_future().share()](auto...) { return std::make_shared<SlowContext>(answer); };
  }
  void answer() {
    if (!std::exchange(answered_, true)) promise_.set_value();
  }

 private:
  std::promise<void> promise_;
  bool answered_ = false;
};

TEST_F(SlowSteps, OtherFlowsDoNotWait) {
  Tunnel tunnel(over_pipes, through({upstream_.url()}, patience, maker()));
  auto other = tunnel.connect(destination);
  auto other_peer = upstream_.accept();
  other_peer.request();
  other_peer.send(connected);
  auto near = tunnel.connect(destination);
  auto peer = upstream_.accept();
  peer.request();
  peer.send(asks_ntlm);
  for (int i = 0; i < 20; ++i) {
    other.send(bytes_of("ping"));
    EXPECT_EQ(other_peer.socket().receive(4), bytes_of("ping"));
  }
  answer();
  EXPECT_TRUE(sends(peer, ntlm("late")));
}

TEST_F(SlowSteps, AttemptEndsAtTheTimeLimit) {
  CapturedLog log;
  {
    Tunnel tunnel(over_pipes, through({upstream_.url()}, std::chrono::milliseconds(1500), maker()));
    auto near = tunnel.connect(destination);
    auto peer = upstream_.accept();
    peer.request();
    peer.send(asks_ntlm);
    EXPECT_EQ(near.wait_end(), Ending::reset);
    answer();
  }
  EXPECT_EQ(count(log.text(), "NTLM: it takes too long"), 1U) << log.text();
}

TEST_F(SlowSteps, TunnelThatEndsMeanwhileLeavesNothingBehind) {
  const auto before = open_descriptors();
  for (int i = 0; i < 10; ++i) {
    std::promise<void> begun;
    auto make = [&begun](auto...) {
      struct Context final : proxy::SecurityContext {
        explicit Context(std::promise<void>& begun) : begun_(begun) {}
        Step step(const std::string& /*received*/) override {
          begun_.set_value();
          return {"token", ""};
        }
        std::promise<void>& begun_;
      };
      return std::make_shared<Context>(begun);
    };
    // One of its own: the attempt goes on when the application is gone, and may call once more.
    ScriptedProxy upstream;
    std::optional<ProxyPeer> peer;  // outlives the tunnel, which would call again if it ended
    Tunnel tunnel(over_pipes, through({upstream.url()}, patience, make));
    auto near = tunnel.connect(destination);
    peer.emplace(upstream.accept());
    peer->request();
    peer->send(asks_ntlm);
    EXPECT_EQ(begun.get_future().wait_for(patience), std::future_status::ready);
  }
  EXPECT_LE(open_descriptors(), before);
}

}  // namespace
}  // namespace tfunnel::test
