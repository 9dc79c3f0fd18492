#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "common/io/socket_queues.hpp"

namespace tfunnel::io {

std::size_t bytes_unacknowledged(int socket) {
  int count = 0;
  return ::ioctl(socket, SIOCOUTQ, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool end_has_come(int socket) {
  pollfd entry{socket, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace tfunnel::io
