#include "proxy/egress/egress_direct.hpp"

#include <memory>

#include "common/io/socket_mark.hpp"
#include "common/io/socket_options.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/io/deadline.hpp"

namespace tfunnel::proxy {

namespace {

// Between attempts, while another connection has the addresses and cannot be ended.
constexpr auto pause_time = std::chrono::milliseconds(250);

}  // namespace

/// Objects that the deadline may still touch when the coroutine is on its way out.
struct DirectEgress::Attempt {
  explicit Attempt(asio::io_context& context) : socket(context), pause(context) {}

  void stop() {
    error_code ignored;
    socket.cancel(ignored);
    pause.cancel();
  }
  tcp::socket socket;
  asio::steady_timer pause;
  bool is_taken = false;  // another connection of this host has both addresses
};

result<tcp::socket> DirectEgress::connect(const Target& target, asio::yield_context yield) {
  const auto attempt = std::make_shared<Attempt>(context_);
  Deadline deadline(context_, timeout_, [attempt] { attempt->stop(); });
  const ClearedSlot cleared(yield);
  auto error = try_once(*attempt, target, yield);
  if (attempt->is_taken && binding_->take_over(target.source, target.destination)) {
    error = try_once(*attempt, target, yield);
  }
  while (attempt->is_taken && !deadline.expired()) {
    attempt->pause.expires_after(pause_time);
    attempt->pause.async_wait(yield[error]);
    if (error) break;
    binding_->take_over(target.source, target.destination);
    error = try_once(*attempt, target, yield);
  }
  if (deadline.expired()) return error_code(asio::error::timed_out);
  if (error) return error;
  return std::move(attempt->socket);
}

error_code DirectEgress::try_once(Attempt& attempt, const Target& target, const asio::yield_context& yield) {
  const auto endpoint = io::to_asio<tcp>(target.destination);
  const bool binds = binding_ != nullptr && target.source.address.is_v4() == target.destination.address.is_v4();
  error_code error;
  attempt.is_taken = false;
  attempt.socket.close(error);
  attempt.socket.open(endpoint.protocol(), error);
  if (!error) error = io::SocketMark::of(context_).apply(attempt.socket.native_handle());
  if (error) return error;
  io::prepare(attempt.socket.native_handle());
  if (binds) error = binding_->bind(attempt.socket.native_handle(), target.source);
  if (error) return error;
  attempt.socket.async_connect(endpoint, yield[error]);
  attempt.is_taken = binds && error == boost::system::errc::address_not_available;
  return error;
}

}  // namespace tfunnel::proxy
