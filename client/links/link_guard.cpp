#include "client/links/link_guard.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "client/process/close_descriptors.hpp"
#include "client/process/pipe.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

// It outlives any signal that ends the client, but for one that is meant for it alone.
[[noreturn]] void guard(SharedGroups& groups, int lifeline) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  // Holding none of our descriptors it holds up nobody.
  ::setpgid(0, 0);
  ::dup2(lifeline, STDIN_FILENO);
  close_descriptors(STDIN_FILENO + 1);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  groups.kill();
  ::_exit(0);
}

}  // namespace

SharedGroups::SharedGroups() {
  void* shared = ::mmap(nullptr, sizeof(Pids), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw boost::system::system_error(io::last_error(), "shared memory");
  pids_ = std::construct_at(static_cast<Pids*>(shared));
}

SharedGroups::~SharedGroups() { ::munmap(pids_, sizeof(Pids)); }

void SharedGroups::kill() {
  for (auto& group : *pids_) {
    if (const auto pid = group.exchange(0); pid > 0) ::kill(-pid, SIGKILL);
  }
}

LinkGuard::LinkGuard() {
  Pipe lifeline = open_pipe();
  lifeline_ = std::move(lifeline.write);
  pid_ = ::fork();
  if (pid_ < 0) throw boost::system::system_error(io::last_error(), "a process that guards the links");
  if (pid_ == 0) guard(groups_, lifeline.read.get());
}

LinkGuard::~LinkGuard() {
  lifeline_.close();
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace tfunnel::client
