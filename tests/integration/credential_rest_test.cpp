// A password that an upstream refuses is not sent again with each flow, and what needs none, or another, goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <list>
#include <mutex>
#include <thread>

#include "tests/integration/support/http_proxy.hpp"

namespace tfunnel::test {
namespace {

using namespace std::string_literals;

constexpr std::string_view forbidden =
    "HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";

core::Endpoint host(int number) { return endpoint("203.0.113." + std::to_string(number + 1), 443); }

/// Serves any number of connections at once, each by `serve` until it returns.
class ManyPeers {
 public:
  explicit ManyPeers(std::function<void(Socket&)> serve) : serve_(std::move(serve)), thread_([this] { accept(); }) {}
  ~ManyPeers() { stop(); }
  ManyPeers(const ManyPeers&) = delete;
  ManyPeers& operator=(const ManyPeers&) = delete;

  [[nodiscard]] core::Endpoint endpoint() const { return server_.endpoint(); }
  /// REQUIRES: who connected has let go, or will.
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    peers_.clear();
  }

 private:
  void accept() {
    while (!over_) {
      if (!server_.called(std::chrono::milliseconds(20))) continue;
      peers_.emplace_back([this, socket = server_.accept()]() mutable { serve_(socket); });
    }
  }

  std::function<void(Socket&)> serve_;
  Server server_;
  std::atomic<bool> over_ = false;
  std::list<std::jthread> peers_;
  std::thread thread_;
};

/// An HTTP proxy that lets in whom `admits` says, by the CONNECT's head.
class HttpUpstream {
 public:
  /// `refusal` answers a wrong password.
  explicit HttpUpstream(std::function<bool(const std::string& head)> admits, std::string_view refusal = forbidden)
      : admits_(std::move(admits)), refusal_(refusal), peers_([this](Socket& socket) { serve(socket); }) {}

  [[nodiscard]] proxy::ProxyUrl url() const {
    auto url = proxy_at(peers_.endpoint());
    url.credentials = proxy::Credentials{"alice", "old"};
    return url;
  }
  [[nodiscard]] int logins() const { return logins_; }
  void stop() { peers_.stop(); }

 private:
  void serve(Socket& socket) {
    ProxyPeer peer(std::move(socket));
    for (auto head = peer.request(); !head.empty(); head = peer.request()) {
      const bool is_login = head.find("Proxy-Authorization") != std::string::npos;
      if (is_login) ++logins_;
      const bool admitted = admits_(head);
      peer.send(admitted ? connected : is_login ? std::string_view(refusal_) : forbidden);
      if (!admitted) continue;
      peer.send("hello");
      peer.socket().wait_end();
      return;
    }
  }

  std::function<bool(const std::string&)> admits_;
  std::string refusal_;
  std::atomic<int> logins_ = 0;
  ManyPeers peers_;
};

bool shows(const std::string& head, const std::string& word) { return head.find(word) != std::string::npos; }
/// "Basic " and Base64 of alice:old and alice:new.
const std::string old_password = "YWxpY2U6b2xk";
const std::string new_password = "YWxpY2U6bmV3";

bool passes(Tunnel& tunnel, const core::Endpoint& destination) {
  auto near = tunnel.connect(destination);
  return near.receive(5) == bytes_of("hello");
}

TEST(CredentialRest, RefusedPasswordIsSentOnceForADestinationAndTwiceForAll) {
  HttpUpstream upstream([](const auto&) { return false; });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(passes(tunnel, host(0)));
    EXPECT_EQ(upstream.logins(), 1);
    for (int i = 0; i < 30; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    EXPECT_EQ(upstream.logins(), 2);
  }
  upstream.stop();
}

// As tinyproxy does: 407 without a password, 401 to a wrong one.
TEST(CredentialRest, PasswordThatIsRefusedAsAWebServerDoesRestsLikeAnyOther) {
  HttpUpstream upstream([](const auto&) { return false; }, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    EXPECT_LE(upstream.logins(), 2);
  }
  upstream.stop();
}

TEST(CredentialRest, ThirtyAtOnceAreNoThirtyFailedLogins) {
  HttpUpstream upstream([](const auto&) { return false; });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    std::vector<Socket> flows;
    for (int i = 0; i < 30; ++i) flows.push_back(tunnel.connect(host(i)));
    for (auto& flow : flows) EXPECT_EQ(flow.wait_end(), Ending::reset);
    EXPECT_LE(upstream.logins(), 2);
  }
  upstream.stop();
}

TEST(CredentialRest, PasswordThatWasChangedThereIsSentAHandfulOfTimes) {
  std::atomic<bool> changed = false;
  HttpUpstream upstream([&](const auto& head) { return shows(head, changed ? new_password : old_password); });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    EXPECT_TRUE(passes(tunnel, host(0)));
    const auto before = upstream.logins();
    changed = true;
    for (int i = 0; i < 30; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    EXPECT_LE(upstream.logins() - before, 3);
  }
  upstream.stop();
}

TEST(CredentialRest, DestinationForbiddenBy407DoesNotStopTheOthers) {
  HttpUpstream upstream([](const auto& head) { return shows(head, old_password) && !shows(head, "203.0.113.1:"); });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int i = 0; i < 10; ++i) {
      EXPECT_FALSE(passes(tunnel, host(0)));
      EXPECT_TRUE(passes(tunnel, host(i + 1)));
    }
  }
  upstream.stop();
}

TEST(CredentialRest, WhatNeedsNoPasswordPassesMeanwhile) {
  HttpUpstream upstream([](const auto& head) { return shows(head, "203.0.113.30:"); });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    EXPECT_TRUE(passes(tunnel, host(29)));
    EXPECT_EQ(upstream.logins(), 2);
  }
  upstream.stop();
}

TEST(CredentialRest, OneAtOnceWhileUnknownButSlowDestinationsHoldNobodyUpForEver) {
  std::atomic<bool> over = false;
  HttpUpstream upstream([&](const auto& head) {
    const bool known = shows(head, old_password);
    if (known && shows(head, "203.0.113.1:")) over.wait(false);
    return known;
  });
  {
    Tunnel tunnel(over_pipes, through({upstream.url()}));
    auto slow = tunnel.connect(host(0));
    EXPECT_TRUE(eventually([&] { return upstream.logins() == 1; }));
    EXPECT_TRUE(passes(tunnel, host(1)));
    over = true;
    over.notify_all();
  }
  upstream.stop();
}

class PasswordFile : public testing::Test {
 protected:
  PasswordFile() { write("old"); }
  ~PasswordFile() override { std::filesystem::remove(path_); }
  void write(const std::string& password) const { std::ofstream(path_) << password << "\n"; }

  std::string path_ = testing::TempDir() + "password." + std::to_string(::getpid());
};

TEST_F(PasswordFile, NewHttpPasswordEndsTheRest) {
  HttpUpstream upstream([](const auto& head) { return shows(head, new_password); });
  auto url = upstream.url();
  url.password_file = path_;
  {
    Tunnel tunnel(over_pipes, through({url}));
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    write("new");
    EXPECT_TRUE(eventually([&] { return passes(tunnel, host(0)); }));
  }
  upstream.stop();
}

/// A SOCKS5 proxy that wants a password; counts how often one came.
struct SocksUpstream {
  explicit SocksUpstream(std::string right) : right_password(std::move(right)) {}
  void serve(Socket& socket) {
    const auto greeting = socket.receive(2);
    if (greeting.size() < 2) return;
    const auto methods = socket.receive(greeting[1]);
    if (std::ranges::find(methods, 2) == methods.end()) {
      socket.send(bytes_of("\5\xff"s));
      return;
    }
    socket.send(bytes_of("\5\2"s));
    const auto login = socket.receive(2 + 5 + 1 + 3);
    if (login.empty()) return;
    ++logins;
    const bool right = login == bytes_of("\1\5alice\3" + right_password);
    socket.send(bytes_of(right ? "\1\0"s : "\1\1"s));
    if (!right || socket.receive(10).empty()) return;
    socket.send(bytes_of("\5\0\0\1\0\0\0\0\0\0hello"s));
    socket.wait_end();
  }
  [[nodiscard]] Tunnel::Terms terms(const std::string& password_file = {}) const {
    proxy::NameOptions by_address;
    by_address.proxy_names = proxy::NameMode::never;
    const auto at = peers.endpoint();
    return {.names = by_address,
            .socks5 = proxy::Socks5Proxy{at.address.text(), at.port, proxy::Socks5Credentials{"alice", "old"},
                                         password_file}};
  }

  std::string right_password;
  std::atomic<int> logins = 0;
  ManyPeers peers{[this](Socket& socket) { serve(socket); }};
};

TEST(CredentialRest, RejectedSocks5PasswordIsSentOnce) {
  SocksUpstream upstream("new");
  {
    Tunnel tunnel(over_pipes, upstream.terms());
    std::vector<Socket> flows;
    for (int i = 0; i < 30; ++i) flows.push_back(tunnel.connect(host(i)));
    for (auto& flow : flows) EXPECT_EQ(flow.wait_end(), Ending::reset);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(passes(tunnel, host(i)));
    EXPECT_EQ(upstream.logins, 1);
  }
  upstream.peers.stop();
}

TEST(CredentialRest, AcceptedSocks5PasswordServesAllAtOnce) {
  SocksUpstream upstream("old");
  {
    Tunnel tunnel(over_pipes, upstream.terms());
    std::vector<Socket> flows;
    for (int i = 0; i < 30; ++i) flows.push_back(tunnel.connect(host(i)));
    for (auto& flow : flows) EXPECT_EQ(flow.receive(5), bytes_of("hello"));
  }
  upstream.peers.stop();
}

TEST_F(PasswordFile, NewSocks5PasswordEndsTheRest) {
  SocksUpstream upstream("new");
  {
    Tunnel tunnel(over_pipes, upstream.terms(path_));
    EXPECT_FALSE(passes(tunnel, host(0)));
    write("new");
    EXPECT_TRUE(eventually([&] { return passes(tunnel, host(0)); }));
  }
  upstream.peers.stop();
}

}  // namespace
}  // namespace tfunnel::test
