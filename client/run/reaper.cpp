#include "client/run/reaper.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::milliseconds(500);
// Who is not our child ends without a word to us.
constexpr int look_again = 2;

void reap() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// Signal 0 asks who is there; we do not count.
bool alone() { return ::kill(-1, 0) != 0 && errno == ESRCH; }

void end_all_others() {
  if (alone()) return;
  ::kill(-1, SIGTERM);
  ::kill(-1, SIGCONT);
  for (const auto deadline = Clock::now() + patience; !alone() && Clock::now() < deadline; reap()) {
    ::poll(nullptr, 0, look_again);
  }
}

}  // namespace

void reap_until_end_of_file(int descriptor) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  const io::Descriptor signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  pollfd waits[] = {{descriptor, POLLIN, 0}, {signals.get(), POLLIN, 0}};
  while (waits[0].revents == 0) {
    ::poll(waits, 2, -1);
    signalfd_siginfo ignored;
    while (::read(signals.get(), &ignored, sizeof ignored) > 0) {
    }
    reap();
  }
  end_all_others();
}

}  // namespace tfunnel::client
