#include "common/io/socket_options.hpp"

#include <sys/socket.h>

#include "common/io/tcp_keepalive.hpp"

namespace tfunnel::io {

// Options are wishes: a system that lacks one still carries the connection.
void prepare(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(tcp::socket::linger(true, 0), ignored);
  socket.set_option(tcp::socket::keep_alive(true), ignored);
  set_keepalive_times(socket.native_handle(), {std::chrono::minutes(2), std::chrono::seconds(30), 4});
}

void end_gracefully(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::socket::linger(false, 0), ignored);
}

error_code pending_error(tcp::socket& socket) {
  int value = 0;
  socklen_t length = sizeof value;
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &value, &length);
  return {value, boost::system::system_category()};
}

}  // namespace tfunnel::io
