// POSIX opens by name only. What systems have under /dev/fd is the same open file description, so it is of no use.
#include <unistd.h>

#include <array>

#include "common/io/stream_path.hpp"

namespace tfunnel::io {

std::string path_of(int descriptor) {
  std::array<char, 256> name{};
  return ::ttyname_r(descriptor, name.data(), name.size()) == 0 ? name.data() : "";
}

}  // namespace tfunnel::io
