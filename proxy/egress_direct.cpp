#include "proxy/egress_direct.hpp"

#include <memory>

#include "common/io/socket_options.hpp"
#include "proxy/deadline.hpp"

namespace tfunnel::proxy {

result<tcp::socket> DirectEgress::connect(const Target& target, asio::yield_context yield) {
  const auto endpoint = io::to_asio<tcp>(target.destination);
  error_code error;
  // Shared with the deadline, which may fire after this function has returned.
  const auto socket = std::make_shared<tcp::socket>(context_);
  socket->open(endpoint.protocol(), error);
  if (error) return error;
  io::prepare(socket->native_handle());
  if (binding_ != nullptr && target.source.address.is_v4() == target.destination.address.is_v4()) {
    error = binding_->bind(socket->native_handle(), target.source);
    if (error) return error;
  }
  Deadline deadline(context_, timeout_, [socket] { socket->cancel(); });
  socket->async_connect(endpoint, yield[error]);
  if (deadline.expired()) return error_code(asio::error::timed_out);
  if (error) return error;
  return std::move(*socket);
}

}  // namespace tfunnel::proxy
