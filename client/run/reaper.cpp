#include "client/run/reaper.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::milliseconds(500);
// A process that is not our child ends without a word to us.
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

/// Descriptors, as poll(2) waits for them, but without its limit of their number.
class Waits {
 public:
  void add(int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
  void remove(int descriptor) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }
  /// How many are ready.
  int wait(int milliseconds) {
    count_ = ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), milliseconds);
    return count_;
  }
  [[nodiscard]] bool is_ready(int descriptor) const {
    const auto is_it = [descriptor](const epoll_event& event) { return event.data.fd == descriptor; };
    return std::any_of(ready_.begin(), ready_.begin() + std::max(count_, 0), is_it);
  }

 private:
  io::Descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::array<epoll_event, 8> ready_{};
  int count_ = 0;
};

/// False: the end of the file.
bool read_lines(const ReaperEvents& events) {
  char text[4096];
  const auto size = ::read(events.lifeline, text, sizeof text);
  if (size <= 0) return false;
  events.on_lines({text, static_cast<std::size_t>(size)});
  return true;
}

}  // namespace

bool reap(const ReaperEvents& events) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  // All that we need is had before the seal, and with it others in the namespace: they may lower our limits
  // (prlimit(2)), by which poll(2) would fail, and opening a file.
  const io::Descriptor signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  Waits waits;
  waits.add(events.lifeline, EPOLLIN);
  waits.add(events.owner, EPOLLIN);
  waits.add(events.seal, EPOLLIN);
  waits.add(signals.get(), EPOLLIN);
  waits.add(events.covers.paths(), EPOLLIN);
  waits.add(events.covers.mounts(), EPOLLPRI);
  bool covered = true;
  do {
    const int count = waits.wait(events.covers.hears_all() ? -1 : unwatched_period);
    if (count < 0 && errno != EINTR) break;
    if (waits.is_ready(events.seal)) {
      waits.remove(events.seal);
      char byte = 0;
      if (::read(events.seal, &byte, 1) == 1) events.on_seal();
    }
    covered = (!waits.is_ready(events.covers.mounts()) && count != 0) || events.covers.look();
    covered = (!waits.is_ready(events.covers.paths()) || events.covers.look_at_paths()) && covered;
    signalfd_siginfo ignored;
    while (::read(signals.get(), &ignored, sizeof ignored) > 0) {
    }
    reap_children();
  } while (covered && !waits.is_ready(events.owner) && (!waits.is_ready(events.lifeline) || read_lines(events)));
  end_all_others();
  return covered;
}

}  // namespace tfunnel::client
