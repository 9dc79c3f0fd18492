#include "common/io/socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/io/tcp_keepalive.hpp"

namespace tfunnel::io {

namespace {

/// Set past Asio: it would remember a linger time and take it back when a socket is destroyed, which
/// is exactly when it must hold.
void set_linger(int socket, bool reset_on_close) {
  const linger value{reset_on_close ? 1 : 0, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

void switch_on(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

}  // namespace

// Options are wishes: a system that lacks one still carries the connection.
void prepare(int socket) {
  set_linger(socket, true);
  switch_on(socket, IPPROTO_TCP, TCP_NODELAY);
  switch_on(socket, SOL_SOCKET, SO_KEEPALIVE);
  keep_urgent_data_in_line(socket);
  set_keepalive_times(socket, {std::chrono::minutes(2), std::chrono::seconds(30), 4});
}

void prepare(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  prepare(socket.native_handle());
}

void keep_urgent_data_in_line(int socket) { switch_on(socket, SOL_SOCKET, SO_OOBINLINE); }

void reset_on_close(tcp::socket& socket) { set_linger(socket.native_handle(), true); }

void end_gracefully(tcp::socket& socket) { set_linger(socket.native_handle(), false); }

error_code pending_error(tcp::socket& socket) {
  int value = 0;
  socklen_t length = sizeof value;
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &value, &length);
  return {value, boost::system::system_category()};
}

}  // namespace tfunnel::io
