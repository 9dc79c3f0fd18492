#include "client/process/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "common/io/errors.hpp"

namespace tfunnel::client {

Pipe open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw boost::system::system_error(io::last_error(), "a pipe");
  return {io::Descriptor(ends[0]), io::Descriptor(ends[1])};
}

}  // namespace tfunnel::client
