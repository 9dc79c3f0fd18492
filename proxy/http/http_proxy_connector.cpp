#include "proxy/http/http_proxy_connector.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/io/errors.hpp"
#include "proxy/io/deadline.hpp"

namespace tfunnel::proxy {

namespace {
// Beside the coroutine, a TLS session with what pumps it, for as long as it lasts (measured: 60 KB, and its buffers).
constexpr std::size_t session_cost = 96U << 10;
}  // namespace

core::Duration HttpProxyConnector::limit(bool others_left, bool is_probe) const {
  return others_left ? std::min(is_probe ? probe_limit : reach_limit, timeout_ / 2) : timeout_;
}

error_code HttpProxyConnector::reach(HttpProxyServer& server, HttpConnectAttempt& attempt, std::string& why,
                                     const asio::yield_context& yield) {
  for (;;) {
    auto socket = attempt.dial->connect(yield);
    if (!socket) {
      why = is_name_error(socket.error()) ? "its name cannot be resolved: " : "";
      why += socket.error().message();
      return socket.error();
    }
    const auto error = secure(server, attempt, std::move(*socket), why, yield);
    if (!error || error == asio::error::operation_aborted || io::is_exhaustion(error)) return error;
    attempt.dial->fails();
    if (attempt.expired || !attempt.dial->others_left()) return error;
  }
}

error_code HttpProxyConnector::reach_again(HttpProxyServer& server, HttpConnectAttempt& attempt, std::string& why,
                                           const asio::yield_context& yield) {
  auto socket = attempt.dial->connect_again(yield);
  if (socket) return secure(server, attempt, std::move(*socket), why, yield);
  why = socket.error().message();
  return socket.error();
}

error_code HttpProxyConnector::secure(HttpProxyServer& server, HttpConnectAttempt& attempt, tcp::socket socket,
                                      std::string& why, const asio::yield_context& yield) {
  auto charge = charge_for(attempt.target, server.url.tls ? session_cost : 0);
  if (!charge) return asio::error::no_buffer_space;
  const auto connection =
      server.url.tls ? tls_->make(context_, server.url.host) : std::make_shared<ProxyConnection>(context_);
  attempt.connection = connection;
  connection->hold(std::move(*charge));
  connection->adopt(std::move(socket));
  std::optional<Deadline> deadline;
  // Another address may speak TLS where this one does not answer.
  if (server.url.tls && attempt.dial->others_left())
    deadline.emplace(context_, limit(true), [connection] { connection->expire(); });
  const auto error = connection->secure(why, yield);
  if (error && why.empty()) why = error.message();
  return error;
}

}  // namespace tfunnel::proxy
