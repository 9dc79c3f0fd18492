#include "client/process/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tfunnel::client {

Terminal::Terminal() : tty_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
  if (tty_.is_open()) foreground_ = ::tcgetpgrp(tty_.get());
}

// From the background this takes SIGTTOU to be blocked (tcsetpgrp(3)), as it is wherever FrontSignals are.
void Terminal::give_back() {
  if (foreground_ < 0 || foreground_ != ::getpgrp()) return;
  const auto now = ::tcgetpgrp(tty_.get());
  const bool abandoned = now != foreground_ && now > 0 && ::kill(-now, 0) != 0 && errno == ESRCH;
  if (abandoned) ::tcsetpgrp(tty_.get(), foreground_);
}

}  // namespace tfunnel::client
