#include "client/process/close_descriptors.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace tfunnel::client {

void close_descriptors(unsigned first, unsigned last) {
  if (first > last || ::syscall(SYS_close_range, first, last, 0) == 0) return;
  const auto end = std::min<unsigned>(last, static_cast<unsigned>(::sysconf(_SC_OPEN_MAX)));
  for (unsigned number = first; number <= end; ++number) ::close(static_cast<int>(number));
}

}  // namespace tfunnel::client
