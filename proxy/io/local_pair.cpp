#include "proxy/io/local_pair.hpp"

#include <memory>

#include "common/io/socket_options.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/io/deadline.hpp"

namespace tfunnel::proxy {

namespace {

// The loopback answers at once, unless a firewall swallows it.
constexpr auto patience = std::chrono::seconds(5);

// Shared with the deadline, which may fire after the coroutine has gone on.
struct Pairing {
  explicit Pairing(asio::io_context& context) : acceptor(context), near(context), far(context) {}
  void cancel() {
    error_code ignored;
    acceptor.cancel(ignored);
    near.cancel(ignored);
  }
  tcp::acceptor acceptor;
  tcp::socket near;
  tcp::socket far;
};

error_code listen(tcp::acceptor& acceptor) {
  error_code error;
  acceptor.open(tcp::v4(), error);
  if (!error) acceptor.bind({asio::ip::address_v4::loopback(), 0}, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

/// Accepts until it is our own connection; others are dropped.
error_code accept_own(Pairing& parts, const Deadline& deadline, const asio::yield_context& yield) {
  error_code error;
  const auto own = parts.near.local_endpoint(error);
  while (!error && !deadline.expired()) {
    error_code gone;
    parts.far.close(gone);
    parts.acceptor.async_accept(parts.far, yield[error]);
    if (!error && parts.far.remote_endpoint(gone) == own && !gone) break;
  }
  return error;
}

}  // namespace

result<std::pair<tcp::socket, tcp::socket>> make_local_pair(asio::io_context& context,
                                                            const asio::yield_context& yield) {
  const auto parts = std::make_shared<Pairing>(context);
  const ClearedSlot cleared(yield);
  if (const auto error = listen(parts->acceptor)) return error;
  Deadline deadline(context, patience, [parts] { parts->cancel(); });
  error_code error;
  const auto door = parts->acceptor.local_endpoint(error);
  if (!error) parts->near.async_connect(door, yield[error]);
  if (!error) error = accept_own(*parts, deadline, yield);
  if (deadline.expired()) return error_code(asio::error::timed_out);
  if (error) return error;
  io::prepare(parts->near);
  io::prepare(parts->far);
  return std::pair(std::move(parts->near), std::move(parts->far));
}

}  // namespace tfunnel::proxy
