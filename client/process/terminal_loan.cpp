#include "client/process/terminal_loan.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

namespace {

io::Descriptor terminal() { return io::Descriptor(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)); }

/// A process outside the foreground group may change a terminal only with SIGTTOU ignored (tcsetpgrp(3)).
class FromTheBackground {
 public:
  FromTheBackground() : before_(std::signal(SIGTTOU, SIG_IGN)) {}
  ~FromTheBackground() { std::signal(SIGTTOU, before_); }
  FromTheBackground(const FromTheBackground&) = delete;
  FromTheBackground& operator=(const FromTheBackground&) = delete;

 private:
  void (*before_)(int);
};

}  // namespace

bool TerminalLoan::lend(pid_t group) {
  if (closed_) return false;
  if (borrower_ == 0 || borrower_ == group) return give_to(group);
  std::erase(waiting_, group);
  waiting_.push_back(group);
  return true;
}

bool TerminalLoan::give_to(pid_t group) {
  const auto tty = terminal();
  if (!tty.is_open()) return false;
  const auto holder = ::tcgetpgrp(tty.get());
  if (holder != owner_ && holder != borrower_ && holder != group) return false;
  if (!settings_ && ::tcgetattr(tty.get(), &settings_.emplace()) != 0) settings_.reset();
  const FromTheBackground allowed;
  if (settings_) ::tcsetattr(tty.get(), TCSANOW, &*settings_);
  if (::tcsetpgrp(tty.get(), group) != 0) return false;
  borrower_ = group;
  ::kill(-group, SIGCONT);
  return true;
}

void TerminalLoan::take_back(pid_t group) {
  std::erase(waiting_, group);
  if (group == 0 || borrower_ != group) return;
  while (!waiting_.empty()) {
    const auto next = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (give_to(next)) return;
  }
  const auto borrower = std::exchange(borrower_, 0);
  const auto tty = terminal();
  if (!tty.is_open() || ::tcgetpgrp(tty.get()) != borrower) return;
  const FromTheBackground allowed;
  if (settings_) ::tcsetattr(tty.get(), TCSANOW, &*settings_);
  settings_.reset();
  ::tcsetpgrp(tty.get(), owner_);
  ::kill(-owner_, SIGCONT);
}

}  // namespace tfunnel::client
