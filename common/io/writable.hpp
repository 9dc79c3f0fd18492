// Whether a descriptor takes anything now.
#pragma once

#include <poll.h>

namespace tfunnel::io {

/// True also if it is broken: the next call tells.
inline bool is_writable(int descriptor) {
  pollfd entry{descriptor, POLLOUT, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace tfunnel::io
