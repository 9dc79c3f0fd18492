#include "client/run/front_signals.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

constexpr int heard[] = {SIGCHLD, SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                         SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};

bool is_of_terminal(int number) {
  return number == SIGINT || number == SIGQUIT || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

// For a short time, and for this one only.
void take_default(int number) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(number, &action, nullptr);
}

void unblock(int number, sigset_t* before) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  sigprocmask(SIG_UNBLOCK, &only, before);
}

}  // namespace

bool is_for_program(const ReceivedSignal& signal, pid_t program) {
  if (signal.number == SIGCHLD || (signal.sender != 0 && signal.sender == program)) return false;
  const bool by_process = signal.code <= 0;  // SI_USER, SI_QUEUE, SI_TKILL
  return by_process || !is_of_terminal(signal.number);
}

FrontSignals::FrontSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : heard) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, &before_);
  // A process that ignores SIGCHLD is not told how its children ended.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, &child_before_);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &pipe_before_);
  descriptor_ = io::Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_.is_open()) throw boost::system::system_error(io::last_error(), "a descriptor for signals");
}

std::optional<ReceivedSignal> FrontSignals::next() {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return ReceivedSignal{static_cast<int>(info.ssi_signo), info.ssi_code, static_cast<pid_t>(info.ssi_pid)};
}

bool FrontSignals::is_ignored(int number) {
  struct sigaction action {};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void FrontSignals::restore() const {
  sigaction(SIGCHLD, &child_before_, nullptr);
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void stop_by(int number) {
  sigset_t before;
  ::raise(number);
  unblock(number, &before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

// A program that collects core files by a pipe (core(5)) heeds no limit, but asks whether we may be dumped.
void die_by(int number) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  take_default(number);
  ::raise(number);
  unblock(number, nullptr);
  ::_exit(128 + number);
}

}  // namespace tfunnel::client
