// Why a user namespace, or a process, could not be made, and what permits it.
#pragma once

#include <optional>
#include <string>

namespace tfunnel::client {

/// The system's settings about namespaces and processes; none: it has no such setting, or does not tell.
struct NamespaceFacts {
  std::optional<long> unprivileged_userns_clone;              // kernel.unprivileged_userns_clone: Debian
  std::optional<long> apparmor_restrict_unprivileged_userns;  // Ubuntu
  std::optional<long> max_user_namespaces;                    // user.max_user_namespaces
  bool in_container = false;
  std::string program;           // the path of this program's file
  bool made = false;             // the namespace exists; what was refused is something in it
  bool has_proc = true;          // /proc is mounted
  bool in_chroot = false;        // for certain
  std::optional<bool> filtered;  // this process runs under somebody's seccomp filter
  std::string apparmor_profile;  // which confines this process; empty: none
  bool selinux_enforces = false;
  std::string exhausted = "user";       // of which kind there may be no more: user, mnt, net, pid
  std::optional<long> most_namespaces;  // the setting for that kind
  std::optional<long> most_processes;   // RLIMIT_NPROC
  std::optional<long> most_in_group;    // pids.max of the control group, if it is reached
};

/// A text for a person: what the system refused (`what`, such as "a user namespace", and errno), what forbids it as far
/// as `facts` show it, and what permits it. Ends without a newline.
std::string explain_refusal(const std::string& what, int error, const NamespaceFacts& facts);

}  // namespace tfunnel::client
