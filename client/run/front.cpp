#include "client/run/front.hpp"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "client/run/program_process.hpp"
#include "common/core/drain.hpp"

namespace tfunnel::client {

namespace {

// A goodbye takes about a second; only a fault takes longer.
constexpr auto most_goodbye = std::chrono::seconds(5);
// In a row: who sends them for ever must not keep us from all else.
constexpr int most_signals = 64;
constexpr auto for_ever = std::chrono::steady_clock::time_point::max();

// Who calls PTRACE_TRACEME, as programs do that will not be debugged, makes us, the parent, its tracer. We are none:
// the signal takes effect, and what is but a tracer's (SIGTRAP at an exec) does not. False: it is an ordinary stop.
bool let_go(pid_t pid, int number) {
  const long effective = number == SIGTRAP ? 0 : number;
  return ::ptrace(PTRACE_DETACH, pid, nullptr, effective) == 0;
}

std::string by_signal(int status) { return std::string("killed: ") + ::strsignal(WTERMSIG(status)); }

}  // namespace

Front::Front(const RunPlan& plan, const io::Log& log)
    : plan_(plan),
      log_(log),
      sockets_(open_socket_pair()),
      init_(plan.mounts, sockets_.write),
      client_(plan, std::move(sockets_.read), signals_) {
  sockets_.write.close();
}

int Front::run() {
  wait_for_start();
  try {
    if (!failure_ && asked_to_end_ == 0) run_program();
  } catch (const app::UsageError&) {
    end_all();
    throw;
  }
  end_all();
  return finish();
}

void Front::run_program() {
  // Not before there is a link: behind the reason why there is none it would be the last word.
  log_.info(std::string("network: ") + (has_ipv6_ ? "IPv4 and IPv6" : "IPv4") +
            " in a namespace of its own; names are looked up by the far end");
  init_.complete_resolver(client_.resolver_lines());
  if (!plan_.filter) {
    log_.warning(
        "--no-seccomp: the program may reach what AF_VSOCK and the kernel's keys lead to outside, and type "
        "into this terminal");
  }
  program_ = start_program({init_, plan_.program, plan_.filter, signals_, log_});
  // A reader of the program's output shall see its end, not ours.
  close_standard_stream(STDIN_FILENO);
  close_standard_stream(STDOUT_FILENO);
  while (!outcome_) {
    wait(for_ever);
    if (failure_) init_.kill();
  }
}

// A signal, or one of the descriptors that matter before there is a program.
void Front::wait(Clock::time_point deadline) {
  pollfd waits[] = {{signals_.descriptor(), POLLIN, 0},
                    {set_up_ ? -1 : init_.report_descriptor(), POLLIN, 0},
                    {linked_ ? -1 : client_.ready_descriptor(), POLLIN, 0}};
  const auto now = Clock::now();
  const auto until = std::min(deadline, log_.due().value_or(for_ever));
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  ::poll(waits, 3, until == for_ever ? -1 : static_cast<int>(std::max<std::int64_t>(left, 0)));
  log_.tick();
  if (waits[1].revents != 0) look_at_report();
  if (waits[2].revents != 0) look_at_link();
  if (waits[0].revents != 0) handle_signals();
}

bool Front::wait(core::Patience& patience) {
  const auto now = Clock::now();
  wait(now + patience.next(now));
  return !patience.is_over(Clock::now());
}

void Front::wait_for_start() {
  while (!(set_up_ && linked_) && !failure_ && asked_to_end_ == 0) wait(for_ever);
}

void Front::look_at_report() {
  const auto report = init_.report();
  set_up_ = true;
  if (report.status != io::ExitStatus::ok) throw app::UsageError::in_lines(report.text, report.status);
  has_ipv6_ = report.network.ipv6;
  if (report.network.no_card) {
    log_.debug(
        "the kernel gives the namespace no network card (veth), so some programs will say that they are offline: " +
        report.network.no_card.message());
  }
  for (std::size_t begin = 0, end; (end = report.text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    log_.warning(report.text.substr(begin, end - begin));
  }
}

// At the end of file the client has ended, and SIGCHLD tells how.
void Front::look_at_link() { linked_ = client_.is_ready(); }

// First what runs in the namespaces, so that what it wrote last still goes out; then the client.
void Front::end_all() {
  ending_ = true;
  ending_since_ = Clock::now();
  init_.ask_to_end();
  end_init();
  // A user who waits with us may want to press Ctrl-C.
  terminal_.give_back();
  end_client();
}

void Front::end_init() {
  core::Patience patience(most_goodbye, Clock::now());
  while (init_.pid() >= 0 && !hurried_ && wait(patience)) {
  }
  init_.kill();
  core::Patience last(most_goodbye, Clock::now());
  while (init_.pid() >= 0 && wait(last)) {
  }
  if (init_.pid() < 0) return;
  log_.error("a process of the program does not end, though it was killed: it waits for a device or a file system");
  failure_ = static_cast<int>(io::ExitStatus::broken);
  init_.forget();
}

// It knows how long what the program has sent is worth waiting for.
void Front::end_client() {
  client_.ask_to_end();
  while (client_.pid() >= 0 && !hurried_) wait(for_ever);
  client_.hurry();
  core::Patience patience(most_goodbye, Clock::now());
  while (client_.pid() >= 0 && wait(patience)) {
  }
  if (client_.pid() >= 0) delivery_ = static_cast<int>(io::ExitStatus::broken);
  client_.kill();
}

int Front::finish() {
  if (failure_) return *failure_;
  const int signal = asked_to_end_ != 0 ? asked_to_end_ : WIFSIGNALED(*outcome_) ? WTERMSIG(*outcome_) : 0;
  if (signal != 0) {
    log_.finish();
    die_by(signal);
  }
  // The program's own trouble comes first.
  return WEXITSTATUS(*outcome_) != 0 ? WEXITSTATUS(*outcome_) : delivery_;
}

void Front::handle_signals() {
  for (int i = 0; i < most_signals; ++i) {
    const auto signal = signals_.next();
    if (!signal) break;
    handle(*signal);
  }
}

void Front::handle(const ReceivedSignal& signal) {
  const bool ends =
      signal.number == SIGINT || signal.number == SIGTERM || signal.number == SIGHUP || signal.number == SIGQUIT;
  if (signal.number == SIGCHLD) {
    reap();
  } else if (signal.number == SIGUSR1) {
    client_.print_flows();
  } else if (program_ > 0) {
    if (is_for_program(signal, program_)) ::kill(program_, signal.number);
  } else if (ending_) {
    // Two requests at once (timeout(1)) mean one.
    hurried_ = hurried_ || (ends && Clock::now() - ending_since_ >= core::Drain::Limits().same_request);
  } else if (signal.number == SIGTSTP) {
    stop_by(SIGTSTP);
  } else if (ends && !FrontSignals::is_ignored(signal.number)) {
    asked_to_end_ = signal.number;
  }
}

// There may be children that are not ours: what a shell had before it became us by `exec`.
void Front::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
    if (!WIFSTOPPED(status)) {
      on_end(pid, status);
    } else if (let_go(pid, WSTOPSIG(status))) {
      continue;
    } else if (pid == program_) {
      on_program_stop(WSTOPSIG(status));
    }
  }
}

void Front::on_end(pid_t pid, int status) {
  if (pid == program_) {
    program_ = -1;
    outcome_ = status;
  } else if (pid == client_.pid()) {
    client_.forget();
    ending_ ? note_delivery(status) : on_client_end(status);
  } else if (pid == init_.pid()) {
    init_.forget();
    // Killed by somebody else, it takes the program along, whose end is seen first.
    const bool by_itself = WIFSIGNALED(status) ? !init_.was_killed() : WEXITSTATUS(status) != 0;
    if (!ending_ || by_itself) on_init_end(status);
  }
}

void Front::note_delivery(int status) {
  delivery_ = WIFSIGNALED(status) ? static_cast<int>(io::ExitStatus::broken) : WEXITSTATUS(status);
  if (WIFSIGNALED(status)) log_.error("the client was " + by_signal(status) + " before all was delivered");
}

void Front::on_client_end(int status) {
  if (WIFSIGNALED(status)) log_.error("the client was " + by_signal(status) + "; the program ends with it");
  failure_ = WIFSIGNALED(status) ? static_cast<int>(io::ExitStatus::broken) : WEXITSTATUS(status);
  if (*failure_ == 0) failure_ = static_cast<int>(io::ExitStatus::link_lost);
}

// Before it has set everything up its report says more.
void Front::on_init_end(int status) {
  if (!set_up_) look_at_report();
  if (WIFSIGNALED(status)) log_.error("process 1 of the namespace was " + by_signal(status) + ", and so the program");
  if (set_up_ && WIFEXITED(status) && WEXITSTATUS(status) == InitProcess::bare) {
    log_.error("what is hidden from the program could not be hidden anew, so it was ended: are there too many mounts?");
  }
  failure_ = static_cast<int>(io::ExitStatus::broken);
}

// To the user's shell we are the job: stop as the program did, until the shell continues us.
void Front::on_program_stop(int number) {
  stop_by(number);
  ::kill(program_, SIGCONT);
}

}  // namespace tfunnel::client
