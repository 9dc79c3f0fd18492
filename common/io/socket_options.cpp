#include "common/io/socket_options.hpp"

#include <sys/socket.h>

#include "common/io/tcp_keepalive.hpp"

namespace tfunnel::io {

namespace {

/// Set past Asio: it would remember a linger time and take it back when a socket is destroyed, which
/// is exactly when it must hold.
void set_linger(tcp::socket& socket, bool reset_on_close) {
  const linger value{reset_on_close ? 1 : 0, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

}  // namespace

void reset_on_close(tcp::socket& socket) { set_linger(socket, true); }

// Options are wishes: a system that lacks one still carries the connection.
void prepare(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  reset_on_close(socket);
  socket.set_option(tcp::socket::keep_alive(true), ignored);
  set_keepalive_times(socket.native_handle(), {std::chrono::minutes(2), std::chrono::seconds(30), 4});
}

void end_gracefully(tcp::socket& socket) { set_linger(socket, false); }

error_code pending_error(tcp::socket& socket) {
  int value = 0;
  socklen_t length = sizeof value;
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &value, &length);
  return {value, boost::system::system_category()};
}

}  // namespace tfunnel::io
