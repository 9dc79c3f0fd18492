#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/io/socket_queues.hpp"

namespace tfunnel::io {

// FreeBSD and macOS have names of their own for it.
std::size_t bytes_unacknowledged(int socket) {
#if defined(FIONWRITE)
  int count = 0;
  return ::ioctl(socket, FIONWRITE, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
#elif defined(SO_NWRITE)
  int count = 0;
  socklen_t length = sizeof count;
  const bool known = ::getsockopt(socket, SOL_SOCKET, SO_NWRITE, &count, &length) == 0;
  return known && count > 0 ? static_cast<std::size_t>(count) : 0;
#else
  static_cast<void>(socket);
  return 0;
#endif
}

// Behind data it cannot be seen.
bool end_has_come(int socket) {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace tfunnel::io
