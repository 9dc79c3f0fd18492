#include "common/io/socket_queues.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

namespace tfunnel::io {

std::size_t bytes_received(int socket) {
  int count = 0;
  return ::ioctl(socket, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

// A sender that never rests must not keep us here.
void discard_received(int socket) {
  constexpr int most_reads = 1024;
  std::array<char, 16U << 10> bytes;
  for (int i = 0; i<most_reads&& ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT)> 0; ++i) {
  }
}

}  // namespace tfunnel::io
