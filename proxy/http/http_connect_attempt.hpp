// One flow's attempt at one address of an HTTP proxy.
#pragma once

#include <memory>
#include <utility>

#include "proxy/egress/egress.hpp"
#include "proxy/http/proxy_connection.hpp"
#include "proxy/lookup/host_dialler.hpp"

namespace tfunnel::proxy {

/// The things that a deadline must be able to stop, at whatever step. Shared with the deadlines, which may fire
/// after the coroutine has gone on.
struct HttpConnectAttempt {
  HttpConnectAttempt(asio::io_context& context, const Target& target_, std::shared_ptr<HostDial> dial_)
      : target(target_), dial(std::move(dial_)), step(context) {}
  /// Time is up: ends the step that is at work, and each further one.
  void expire() {
    expired = true;
    dial->stop();
    step.cancel();
    if (connection) connection->expire();
  }
  const Target& target;            // alive while the coroutine is at work
  std::shared_ptr<HostDial> dial;  // with all attempts at one proxy
  asio::steady_timer step;         // is waited for while a security context is at work
  std::shared_ptr<ProxyConnection> connection;
  bool heard = false;  // the proxy said something
  bool expired = false;
};

}  // namespace tfunnel::proxy
