#include <sys/socket.h>

#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"

namespace tfunnel::io {

error_code mark_socket(int socket, std::uint32_t mark) {
  return ::setsockopt(socket, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0 ? error_code() : last_error();
}

}  // namespace tfunnel::io
