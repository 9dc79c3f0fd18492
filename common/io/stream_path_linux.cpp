// proc(5), /proc/pid/fd: opening an entry opens its file anew, pipes without a name too.
#include "common/io/stream_path.hpp"

namespace tfunnel::io {

std::string path_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

}  // namespace tfunnel::io
