// System calls that are refused to the program of `tfunnel run`: seccomp(2).
#pragma once

#include <memory>

#include "common/io/errors.hpp"

namespace tfunnel::client {

/// Refuses, for ever, and to all that the process starts, what would lead around the tunnel though it is no IP, or out
/// of the terminal:
///   - sockets of other families than UNIX, IPv4, IPv6 and netlink (AF_VSOCK belongs to no network namespace);
///   - io_uring, which could open them past any filter;
///   - the kernel's keys, for which it would ask a program outside (request-key(8), which looks host names up);
///   - the ioctls that write into a terminal's input, which the user's shell, outside, reads after us.
/// All else is permitted: debuggers, other filters and namespaces on top of it work as they do without.
class SystemCallFilter {
 public:
  /// Makes it, but does not enforce it. Throws boost::system::system_error.
  SystemCallFilter();

  /// Enforces it on this process. Setuid programs keep their meaning, so this takes CAP_SYS_ADMIN in the process's user
  /// namespace. May be called after fork(2).
  [[nodiscard]] error_code load() const;

 private:
  struct Release {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Release> context_;
};

}  // namespace tfunnel::client
