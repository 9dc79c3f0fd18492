#include "proxy/http/proxy_connection.hpp"

#include <boost/asio/post.hpp>

#include "common/io/errors.hpp"
#include "proxy/io/cleared_slot.hpp"

namespace tfunnel::proxy {

void ProxyConnection::cancel_wait() {
  error_code ignored;
  socket_.cancel(ignored);
}

error_code ProxyConnection::verdict(error_code error) {
  if (expired_) return asio::error::timed_out;
  return std::exchange(interrupted_, false) ? interrupted() : error;
}

error_code ProxyConnection::secure(std::string& /*why*/, const asio::yield_context& /*yield*/) { return {}; }

error_code ProxyConnection::pass_turn(const asio::yield_context& yield) {
  asio::post(context_, yield);
  return yield.cancelled() == asio::cancellation_type::none ? verdict({}) : error_code(asio::error::operation_aborted);
}

error_code ProxyConnection::wait(tcp::socket::wait_type kind, const asio::yield_context& yield) {
  if (expired_) return asio::error::timed_out;
  error_code error;
  const ClearedSlot cleared(yield);
  socket_.async_wait(kind, yield[error]);
  return verdict(error);
}

error_code ProxyConnection::write(std::string_view text, const asio::yield_context& yield) {
  while (!text.empty()) {
    error_code error;
    text.remove_prefix(socket_.write_some(asio::buffer(text), error));
    if (io::is_transient(error)) error = wait(tcp::socket::wait_write, yield);
    if (error) return error;
  }
  return {};
}

result<std::string_view> ProxyConnection::peek(const asio::yield_context& yield) {
  if (const auto error = pass_turn(yield)) return error;
  for (;;) {
    error_code error;
    const auto count = socket_.receive(asio::buffer(buffer_), tcp::socket::message_peek, error);
    if (io::is_transient(error)) {
      error = wait(tcp::socket::wait_read, yield);
      if (!error) continue;
    }
    if (error) return error;
    return std::string_view(buffer_.data(), count);
  }
}

// They are there: peek() saw them.
error_code ProxyConnection::consume(std::size_t count) {
  while (count > 0) {
    error_code error;
    const auto taken = socket_.read_some(asio::buffer(buffer_, count), error);
    if (error) return error;
    count -= taken;
  }
  return {};
}

result<tcp::socket> ProxyConnection::release(const asio::yield_context& /*yield*/) { return std::move(socket_); }

}  // namespace tfunnel::proxy
