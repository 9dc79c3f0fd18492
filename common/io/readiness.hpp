// Whether a descriptor gives or takes anything now.
#pragma once

#include <poll.h>

namespace tfunnel::io {

/// Is one of `events` (POLLIN, POLLOUT) there? True also if the descriptor is broken: the next call tells.
inline bool is_ready(int descriptor, short events) {
  pollfd entry{descriptor, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

inline bool is_readable(int descriptor) { return is_ready(descriptor, POLLIN); }
inline bool is_writable(int descriptor) { return is_ready(descriptor, POLLOUT); }

}  // namespace tfunnel::io
