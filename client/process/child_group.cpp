#include "client/process/child_group.hpp"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

namespace tfunnel::client {

std::optional<int> ChildGroup::news() {
  int status = 0;
  if (leader_ <= 0 || ::waitpid(leader_, &status, WNOHANG | WUNTRACED) != leader_) return std::nullopt;
  if (!WIFSTOPPED(status)) leader_ = 0;
  return status;
}

void ChildGroup::signal(int number) const {
  if (group_ > 0) ::kill(-group_, number);
}

// Once nobody is left, its number may become that of another group.
bool ChildGroup::anybody_left() {
  if (group_ > 0 && ::kill(-group_, 0) != 0) group_ = 0;
  return group_ > 0;
}

std::string describe_end(int status) {
  if (!WIFSIGNALED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

}  // namespace tfunnel::client
