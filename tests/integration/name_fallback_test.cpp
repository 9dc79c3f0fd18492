// A name that an upstream refuses is followed by the address, if the name can be the fault, and only then.
#include <gtest/gtest.h>

#include <functional>

#include "tests/integration/support/http_proxy.hpp"
#include "tests/unit/support/first_bytes.hpp"

namespace tfunnel::test {
namespace {

using namespace std::string_literals;

/// One for each round, since what worked is remembered.
core::Endpoint https_of(std::size_t number) { return endpoint("203.0.113." + std::to_string(number), 443); }
const auto hello = tls_records(client_hello("alias.example"), 100);

Tunnel::Terms by_name(Tunnel::Terms terms) {
  terms.names.proxy_names = proxy::NameMode::automatic;
  return terms;
}

class HttpFallback : public testing::Test {
 protected:
  /// Takes the first request, answers and hangs up; empty: without an answer.
  void refuse(const std::string& text) {
    auto peer = upstream.accept();
    EXPECT_TRUE(peer.request().starts_with("CONNECT alias.example:443 "));
    peer.send(text);
  }
  ScriptedProxy upstream;
  Tunnel tunnel{over_pipes, by_name(through({upstream.url()}))};
};

TEST_F(HttpFallback, NameThatIsRefusedGivesWayToTheAddress) {
  std::size_t number = 0;
  for (const auto* text :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\npage",
        "HTTP/1.0 404 Not Found\r\n\r\n", "HTTP/1.1 451 Unavailable For Legal Reasons\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://blocked.example/\r\n\r\n", "HTTP/1.0 500 Unable to connect\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
        "HTTP/1.1 504 Gateway Timeout\r\n\r\n", ""}) {
    const auto destination = https_of(++number);
    auto near = tunnel.connect(destination);
    near.send(hello);
    refuse(text);
    auto peer = upstream.accept();
    ASSERT_TRUE(peer.request().starts_with("CONNECT " + destination.text() + " ")) << text;
    peer.send(connected);
    ASSERT_EQ(peer.socket().receive(hello.size()), hello) << text;
  }
}

TEST_F(HttpFallback, RefusalThatIsNotAboutTheNameIsFinal) {
  // One more request would be one too many: a wrong password is counted by whoever checks it.
  for (const auto* text :
       {"HTTP/1.1 401 Unauthorized\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n\r\n",
        "HTTP/1.1 511 Network Authentication Required\r\n\r\n", "SSH-2.0-x\r\n\r\n"}) {
    auto near = tunnel.connect(https);
    near.send(hello);
    refuse(text);
    ASSERT_EQ(near.wait_end(), Ending::reset) << text;
  }
}

TEST_F(HttpFallback, LaterFlowsDoNotAskForTheNameFirst) {
  auto first = tunnel.connect(https);
  first.send(hello);
  refuse("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  auto peer = upstream.accept();
  peer.request();
  peer.send(connected);
  peer.socket().receive(hello.size());
  auto second = tunnel.connect(https);
  second.send(hello);
  EXPECT_TRUE(upstream.accept().request().starts_with("CONNECT 203.0.113.5:443 "));
}

TEST_F(HttpFallback, AddressThatIsRefusedTooEndsTheFlow) {
  auto near = tunnel.connect(https);
  near.send(hello);
  refuse("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  auto peer = upstream.accept();
  EXPECT_TRUE(peer.request().starts_with("CONNECT 203.0.113.5:443 "));
  peer.send("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  EXPECT_EQ(near.wait_end(), Ending::reset);
}

class Socks5Fallback : public testing::Test {
 protected:
  Socket accept_request(const Bytes& request) {
    auto peer = door.accept();
    EXPECT_EQ(peer.receive(3), bytes_of("\5\1\0"s));
    peer.send(bytes_of("\5\0"s));
    EXPECT_EQ(peer.receive(request.size()), request);
    return peer;
  }
  static proxy::Socks5Proxy at(const core::Endpoint& endpoint) { return {endpoint.address.text(), endpoint.port, {}}; }

  const Bytes by_name = bytes_of("\5\1\0\3\x0d"s + "alias.example\1\xbb"s);
  Bytes by_address = bytes_of("\5\1\0\1\xcb\0\x71\0\1\xbb"s);
  Server door;
  Tunnel tunnel{over_pipes, {.socks5 = at(door.endpoint())}};
};

TEST_F(Socks5Fallback, NameThatIsRefusedGivesWayToTheAddress) {
  for (const int code : {1, 2, 3, 4, 5, 6, 8, 9, 0xf0, -1}) {
    auto near = tunnel.connect(https_of(++by_address[7]));
    near.send(hello);
    {
      auto first = accept_request(by_name);
      if (code >= 0) first.send(bytes_of("\5"s + static_cast<char>(code) + "\0\1\0\0\0\0\0\0"s));
    }
    auto second = accept_request(by_address);
    second.send(bytes_of("\5\0\0\1\0\0\0\0\0\0"s));
    ASSERT_EQ(second.receive(hello.size()), hello) << code;
  }
}

TEST_F(Socks5Fallback, RefusalThatIsNotAboutTheNameIsFinal) {
  const auto ends = [&](const std::function<void(Socket&)>& script) {
    auto near = tunnel.connect(https);
    near.send(hello);
    auto peer = door.accept();
    script(peer);
    peer.close();
    EXPECT_EQ(near.wait_end(), Ending::reset);
  };
  ends([](Socket& peer) { peer.receive(3); });
  ends([](Socket& peer) {
    peer.receive(3);
    peer.send(bytes_of("\5\xff"s));
  });
  ends([](Socket& peer) {
    peer.receive(3);
    peer.send(bytes_of("\5\0"s));
    peer.receive(20);
    peer.send(bytes_of("\5\7\0\1\0\0\0\0\0\0"s));
  });
}

}  // namespace
}  // namespace tfunnel::test
