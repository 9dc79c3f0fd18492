// POSIX opens by name only. Systems have the same open file description under /dev/fd, so that is of no use.
#include <unistd.h>

#include <array>

#include "common/io/stream_path.hpp"

namespace tfunnel::io {

std::string path_of(int descriptor) {
  std::array<char, 256> name{};
  return ::ttyname_r(descriptor, name.data(), name.size()) == 0 ? name.data() : "";
}

}  // namespace tfunnel::io
