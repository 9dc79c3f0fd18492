#include "client/process/user_namespace.hpp"

#include <sys/stat.h>

#include <string>

namespace tfunnel::client {

std::optional<bool> shares_user_namespace(pid_t process) {
  struct stat theirs {};
  struct stat ours {};
  if (::stat(("/proc/" + std::to_string(process) + "/ns/user").c_str(), &theirs) != 0) return std::nullopt;
  if (::stat("/proc/self/ns/user", &ours) != 0) return std::nullopt;
  return theirs.st_ino == ours.st_ino;
}

}  // namespace tfunnel::client
