#include "client/process/child_process.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "client/process/close_descriptors.hpp"
#include "client/process/pipe.hpp"
#include "common/io/errors.hpp"
#include "common/io/readiness.hpp"

namespace tfunnel::client {

namespace {

constexpr int script_descriptor = 3;
// `eval` takes the whole text at once, so that it runs with the standard input that is the link, and without the
// descriptor. It is read by the shell itself: another program takes another process, and would have to be found.
constexpr const char* run_script =
    "tfunnel_text= tfunnel_line=\n"
    "while IFS= read -r tfunnel_line <&3; do tfunnel_text=\"$tfunnel_text$tfunnel_line\n\"; done\n"
    "eval \"unset tfunnel_text tfunnel_line\n$tfunnel_text$tfunnel_line\" 3<&-";

/// In memory; closed if it is empty.
io::Descriptor open_script(const std::string& text) {
  if (text.empty()) return {};
  io::Descriptor file(::memfd_create("tfunnel", MFD_CLOEXEC));
  const bool written =
      file.is_open() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::lseek(file.get(), 0, SEEK_SET) != 0) {
    throw boost::system::system_error(io::last_error(), "a file for the link's command");
  }
  return file;
}

/// Signals stay blocked while it lives: between fork() and exec() ours must not run in the child.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

// Handlers go with exec(2), but ignored signals stay ignored: a program that nohup(1) started keeps ignoring SIGHUP.
void restore_signals() {
  for (const int number : {SIGPIPE, SIGTTOU, SIGTTIN, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGQUIT, SIGTSTP}) {
    std::signal(number, SIG_DFL);
  }
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) std::signal(SIGHUP, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct ChildEnds {
  int input;
  int output;
  int errors;  // -1: as ours
  int script;  // -1: none
};

// Only what signal-safety(7) allows: the heap may be in any state.
[[noreturn]] void become(const char* file, char* const* arguments, const ChildEnds& ends, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(ends.input, STDIN_FILENO);
  ::dup2(ends.output, STDOUT_FILENO);
  if (ends.errors >= 0) ::dup2(ends.errors, STDERR_FILENO);
  // Flows' sockets above all: held here, an application would never see its connection end.
  if (ends.script == script_descriptor) ::fcntl(ends.script, F_SETFD, 0);
  if (ends.script >= 0) ::dup2(ends.script, script_descriptor);
  close_descriptors(ends.script >= 0 ? script_descriptor + 1 : STDERR_FILENO + 1);
  restore_signals();
  ::execv(file, arguments);
  static constexpr char said[] = "the command of the link cannot be run\n";
  // Ours, if it is not a pipe of its own, may be one that nobody reads.
  if (io::is_writable(STDERR_FILENO)) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, said, sizeof said - 1);
  }
  ::_exit(127);
}

}  // namespace

Command Command::shell(const std::string& text) { return {"/bin/sh", {"sh", "-c", run_script}, true, text}; }

std::optional<Command> Command::past_control_master() const {
  if (script.find("ssh") == std::string::npos) return std::nullopt;
  auto made = *this;
  // ssh takes the first value of an option. The blank behind exec makes the shell look at the next word, too, and an
  // alias is known from the next line on.
  made.script = "alias exec='exec ' ssh='ssh -o ControlPath=none'\n" + script;
  return made;
}

ChildProcess ChildProcess::start(const Command& command) {
  Pipe input = open_pipe();
  Pipe output = open_pipe();
  Pipe errors = command.has_own_stderr ? open_pipe() : Pipe();
  const io::Descriptor script = open_script(command.script);
  std::vector<char*> arguments;
  for (const auto& argument : command.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const BlockedSignals blocked;
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid < 0) {
    throw boost::system::system_error(io::last_error(), "a process for the link (is it ulimit -u, or pids.max?)");
  }
  if (pid == 0) {
    become(command.file.c_str(), arguments.data(),
           {input.read.get(), output.write.get(), errors.write.get(), script.get()}, parent);
  }
  // Here as well, so that the group exists whoever is first.
  ::setpgid(pid, pid);
  return {pid, std::move(input.write), std::move(output.read), std::move(errors.read)};
}

}  // namespace tfunnel::client
