#include "common/app/terminal.hpp"

#include <unistd.h>

#include "common/app/options.hpp"

namespace tfunnel::app {

void refuse_terminal(bool allowed) {
  if (allowed || (::isatty(STDIN_FILENO) == 0 && ::isatty(STDOUT_FILENO) == 0)) return;
  throw UsageError(
      "standard input and output carry the tunnel, but here they are a terminal. Join two ends, for example:\n"
      "  socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel'\n"
      "  tfunnel -p 12300 --via 'ssh host tfunnel'\n"
      "  coproc ssh host tfunnel; tfunnel -p 12300 <&${COPROC[0]} >&${COPROC[1]}\n"
      "For a serial line that is the link itself, add --tty. All options: --help");
}

RawTerminal::RawTerminal() {
  termios settings{};
  if (::tcgetattr(STDIN_FILENO, &settings) != 0) return;
  saved_ = settings;
  ::cfmakeraw(&settings);
  // Not TCSAFLUSH: the far end's greeting may be waiting already.
  ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

RawTerminal::~RawTerminal() {
  if (saved_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*saved_);
}

}  // namespace tfunnel::app
