#include "client/run/program_process.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "client/process/removed_directory.hpp"
#include "client/run/descriptors.hpp"
#include "client/run/locked_namespace.hpp"
#include "client/run/namespace_facts.hpp"
#include "client/run/system_call_filter.hpp"
#include "common/app/options.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

enum class Step { started, unlocked, enter, fork, filter, execute };

/// From the processes on the way to the program: `value` is the program's pid at `started`, else errno. The first two
/// are no failure.
struct Word {
  Step step;
  int value;
};

struct Start {
  pid_t init;
  int seal;
  std::string directory;  // empty: it has been removed
  std::vector<char*> words;
  std::optional<SystemCallFilter> filter;
  const FrontSignals& signals;
  int answer;
  const IdMaps& ids;
  const io::Log& log;
};

void say(int answer, Step step, int value) {
  const Word word{step, value};
  [[maybe_unused]] const auto written = ::write(answer, &word, sizeof word);
}

[[noreturn]] void give_up(int answer, Step step, int error = errno) {
  say(answer, step, error);
  ::_exit(127);
}

// In the last process: our descriptors are all closed on exec. The mount namespace has another root than the one our
// working directory belongs to, so it is entered anew.
[[noreturn]] void become_program(const Start& start, LockedNamespace& locked) {
  const auto refused = locked.enter();
  if (!refused) give_up(start.answer, Step::enter, EPERM);
  if (*refused != 0) say(start.answer, Step::unlocked, *refused);
  if (::chdir(start.directory.c_str()) != 0) enter_removed_directory();
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  start.signals.restore();
  if (start.filter) {
    const auto error = start.filter->load();
    if (error) give_up(start.answer, Step::filter, error.value());
  }
  ::execvp(start.words[0], start.words.data());
  give_up(start.answer, Step::execute);
}

// A process that is in the namespaces, but whose parent is outside: a pid namespace is entered by children only, and
// the child gets our own parent (CLONE_PARENT), who can wait for it, and sees it stop. Process 1 of the namespace may
// not use that flag, so this takes a process of its own.
[[noreturn]] void enter(const Start& start, LockedNamespace& locked) {
  const io::Descriptor init(static_cast<int>(::syscall(SYS_pidfd_open, start.init, 0)));
  constexpr int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
  if (::setns(init.get(), all) != 0) give_up(start.answer, Step::enter);
  // Before there is a program: no later order could be in time. If process 1 has ended, so does all else.
  char done = 1;
  const bool sealed = ::write(start.seal, &done, 1) == 1 && ::read(start.seal, &done, 1) == 1;
  if (!sealed) give_up(start.answer, Step::enter, ESRCH);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) give_up(start.answer, Step::fork);
  if (pid == 0) become_program(start, locked);
  say(start.answer, Step::started, pid);
  locked.admit(pid, start.ids);
  ::_exit(0);
}

[[noreturn]] void fail(const Start& start, const Word& word) {
  const std::string why = std::strerror(word.value);
  const std::string name = start.words[0];
  if (word.step == Step::execute) {
    const bool missing = word.value == ENOENT || word.value == ENOTDIR;
    throw app::UsageError(name + ": " + (missing ? "no such program" : "cannot be executed: " + why),
                          missing ? io::ExitStatus::not_found : io::ExitStatus::cannot_execute);
  }
  if (word.step == Step::fork) refuse("a process for the program", word.value);
  if (word.step == Step::filter) {
    throw app::UsageError("the kernel takes no filter of system calls (seccomp): " + why +
                              "; --no-seccomp does without, see there what is lost",
                          io::ExitStatus::os_error);
  }
  throw app::UsageError("the program cannot enter the namespace: " + why, io::ExitStatus::os_error);
}

// Any other user's program has no rights that could undo something.
void warn_of_rights(const io::Log& log, int error) {
  if (::geteuid() != 0) return;
  log.warning(std::string("root's program may unmount what hides services from it: the system refuses a second user "
                          "namespace: ") +
              std::strerror(error));
}

/// The program's pid. Returns when the last writer has gone: the program runs, or could not.
pid_t await(int answer, const Start& start) {
  pid_t pid = -1;
  for (Word word{}; ::read(answer, &word, sizeof word) == sizeof word;) {
    if (word.step == Step::started) {
      pid = word.value;
    } else if (word.step == Step::unlocked) {
      warn_of_rights(start.log, word.value);
    } else {
      fail(start, word);
    }
  }
  if (pid < 0) throw app::UsageError("the program could not be started: killed on its way", io::ExitStatus::broken);
  return pid;
}

}  // namespace

pid_t start_program(const ProgramStart& wanted) {
  Pipe answer = open_pipe();
  std::error_code removed;
  Start start{wanted.init.pid(),
              wanted.init.seal(),
              std::filesystem::current_path(removed).string(),
              {},
              {},
              wanted.signals,
              answer.write.get(),
              wanted.init.ids(),
              wanted.log};
  for (const auto& word : wanted.words) start.words.push_back(const_cast<char*>(word.c_str()));
  start.words.push_back(nullptr);
  if (wanted.filter) start.filter.emplace();
  std::optional<LockedNamespace> locked(std::in_place);
  const auto helper = ::fork();
  if (helper < 0) refuse("a process for the program", errno);
  if (helper == 0) enter(start, *locked);
  // Only the two that talk may have their ends.
  locked.reset();
  answer.write.close();
  return await(answer.read.get(), start);
}

}  // namespace tfunnel::client
