#include "client/run/reaper.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <iterator>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::milliseconds(500);
// Who is not our child ends without a word to us.
constexpr int look_again = 2;
// How often covers are looked at, in milliseconds, where the system tells nothing.
constexpr int unwatched_period = 200;

void reap_children() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// Signal 0 asks who is there; we do not count.
bool alone() { return ::kill(-1, 0) != 0 && errno == ESRCH; }

void end_all_others() {
  if (alone()) return;
  ::kill(-1, SIGTERM);
  ::kill(-1, SIGCONT);
  for (const auto deadline = Clock::now() + patience; !alone() && Clock::now() < deadline; reap_children()) {
    ::poll(nullptr, 0, look_again);
  }
}

/// False: the end of the file.
bool read_lines(const ReaperEvents& events) {
  char text[4096];
  const auto size = ::read(events.lifeline, text, sizeof text);
  if (size <= 0) return false;
  events.on_lines({text, static_cast<std::size_t>(size)});
  return true;
}

}  // namespace

void reap(const ReaperEvents& events) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  // All that we need is had before the seal, and with it others in the namespace: they may lower our limits
  // (prlimit(2)).
  const io::Descriptor signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  pollfd waits[] = {{events.lifeline, POLLIN, 0},       {events.owner, POLLIN, 0},
                    {events.seal, POLLIN, 0},           {signals.get(), POLLIN, 0},
                    {events.covers.paths(), POLLIN, 0}, {events.covers.mounts(), POLLPRI, 0}};
  const int period = events.covers.paths() < 0 ? unwatched_period : -1;
  do {
    const int count = ::poll(waits, std::size(waits), period);
    char byte = 0;
    if (waits[2].revents != 0) {
      if (::read(events.seal, &byte, 1) == 1) events.on_seal();
      waits[2] = {-1, 0, 0};
    }
    if (waits[5].revents != 0 || count == 0) events.covers.look();
    if (waits[4].revents != 0) events.covers.look_at_paths();
    signalfd_siginfo ignored;
    while (::read(signals.get(), &ignored, sizeof ignored) > 0) {
    }
    reap_children();
  } while (waits[1].revents == 0 && (waits[0].revents == 0 || read_lines(events)));
  end_all_others();
}

}  // namespace tfunnel::client
