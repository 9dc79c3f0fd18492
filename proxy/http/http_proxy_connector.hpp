// Reaches HTTP proxies, and secures the connections to those that are https.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "proxy/http/http_connect_attempt.hpp"
#include "proxy/http/http_proxy_server.hpp"
#include "proxy/http/tls_client.hpp"

namespace tfunnel::proxy {

/// One for all flows. Each function that takes a `yield` suspends its coroutine.
class HttpProxyConnector {
 public:
  /// If others are left, a proxy that cannot be reached within this time (or half the timeout, if shorter) is dead, and
  /// one that has nothing to say for so long is left as soon as another can be reached.
  static constexpr core::Duration reach_limit = std::chrono::seconds(5);
  /// The same for one that rested, and may be back.
  static constexpr core::Duration probe_limit = std::chrono::seconds(2);

  /// `context` must outlive this. `tls` may be null if no proxy is https. `timeout` is for all of a flow's way.
  HttpProxyConnector(asio::io_context& context, std::shared_ptr<TlsClient> tls, core::Duration timeout)
      : context_(context), tls_(std::move(tls)), timeout_(timeout) {}

  /// Connects to the next address that answers, and secures; fills attempt.connection. `why` says what went wrong.
  /// Errors: that of the last address; operation_aborted if the coroutine was cancelled; those of exhaustion
  /// (io::is_exhaustion) are nothing against the proxy.
  error_code reach(HttpProxyServer& server, HttpConnectAttempt& attempt, std::string& why,
                   const asio::yield_context& yield);
  /// The same to the address that was reached before.
  error_code reach_again(HttpProxyServer& server, HttpConnectAttempt& attempt, std::string& why,
                         const asio::yield_context& yield);
  /// How long a proxy may take, if others are left or not; a probe is of one that rested.
  [[nodiscard]] core::Duration limit(bool others_left, bool is_probe = false) const;

 private:
  error_code secure(HttpProxyServer& server, HttpConnectAttempt& attempt, tcp::socket socket, std::string& why,
                    const asio::yield_context& yield);

  asio::io_context& context_;
  std::shared_ptr<TlsClient> tls_;
  core::Duration timeout_;
};

}  // namespace tfunnel::proxy
