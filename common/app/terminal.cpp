#include "common/app/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/app/options.hpp"

namespace tfunnel::app {

void refuse_terminal(bool allowed) {
  if (allowed || (::isatty(STDIN_FILENO) == 0 && ::isatty(STDOUT_FILENO) == 0)) return;
  throw UsageError::in_lines(
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

// POSIX numbers its speeds as it likes.
double RawTerminal::rate() const {
  constexpr std::array<std::pair<speed_t, int>, 10> speeds{{{B300, 300},
                                                            {B600, 600},
                                                            {B1200, 1200},
                                                            {B1800, 1800},
                                                            {B2400, 2400},
                                                            {B4800, 4800},
                                                            {B9600, 9600},
                                                            {B19200, 19'200},
                                                            {B38400, 38'400},
                                                            {B115200, 115'200}}};
  if (!saved_) return 0;
  const auto speed = ::cfgetospeed(&*saved_);
  const auto* found = std::ranges::find(speeds, speed, &std::pair<speed_t, int>::first);
  return found == speeds.end() ? 0 : found->second / 10.0;
}

RawTerminal::~RawTerminal() {
  if (saved_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*saved_);
}

}  // namespace tfunnel::app
