// A scripted HTTP proxy, for what real ones do not do when a test wants it.
#pragma once

#include <string>

#include "proxy/http/egress_http_connect.hpp"
#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {

/// Where the tests' flows are to go. The proxy decides what is there.
inline const core::Endpoint destination = endpoint("203.0.113.7", 8443);

constexpr std::string_view connected = "HTTP/1.1 200 Connection established\r\n\r\n";

/// One connection that came to the proxy.
class ProxyPeer {
 public:
  explicit ProxyPeer(Socket socket) : socket_(std::move(socket)) {}

  /// The next request's head, to its empty line.
  std::string request();
  void send(std::string_view text) { socket_.send(bytes_of(text)); }
  /// Each byte in a segment of its own.
  void send_slowly(std::string_view text);
  Socket& socket() { return socket_; }

 private:
  Socket socket_;
};

class ScriptedProxy {
 public:
  explicit ScriptedProxy(const char* address = "127.0.0.1", std::uint16_t port = 0) : server_(512, address, port) {}
  ProxyPeer accept() { return ProxyPeer(server_.accept()); }
  [[nodiscard]] proxy::ProxyUrl url() const;
  [[nodiscard]] const Server& server() const { return server_; }

 private:
  Server server_;
};

proxy::ProxyUrl proxy_at(const core::Endpoint& endpoint);

/// Terms for a tunnel whose proxy side goes through these, in this order.
Tunnel::Terms through(std::vector<proxy::ProxyUrl> proxies, core::Duration timeout = patience,
                      const proxy::MakeSecurityContext& make_context = {});

/// Keeps the lines that this process writes to standard error while this lives: the log.
class CapturedLog {
 public:
  CapturedLog();
  ~CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  /// Ends the capture.
  const std::string& text();

 private:
  bool ended_ = false;
  std::string text_;
};

/// How often `part` is in `text`.
std::size_t count(const std::string& text, const std::string& part);

}  // namespace tfunnel::test
