#include "common/app/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "common/io/exit_status.hpp"
#include "common/io/line_writer.hpp"

namespace tfunnel::app {

// The lowest free number is always given, and those below are open by then.
void open_standard_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || ::open("/dev/null", O_RDWR) == number) continue;
    io::LineWriter(STDERR_FILENO).write("tfunnel: a standard stream is closed, and there is no /dev/null for it\n");
    ::_exit(static_cast<int>(io::ExitStatus::os_error));
  }
}

}  // namespace tfunnel::app
