// Ends the links' commands should the client be killed.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <span>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// The process groups of commands (0: none), in memory that another process can see.
class SharedGroups {
 public:
  /// Throws boost::system::system_error.
  SharedGroups();
  ~SharedGroups();
  SharedGroups(const SharedGroups&) = delete;
  SharedGroups& operator=(const SharedGroups&) = delete;

  [[nodiscard]] std::span<std::atomic<pid_t>> all() const { return *pids_; }
  /// Kills those that are left.
  void kill();

 private:
  using Pids = std::array<std::atomic<pid_t>, 256>;
  Pids* pids_;
};

/// A process of its own that waits for our end. The kernel tells a command of its parent's death (PR_SET_PDEATHSIG),
/// but nobody tells the command's children: ssh below a shell, which does not look at its input while it asks for a
/// passphrase.
class LinkGuard {
 public:
  /// Forks: REQUIRES that there is no io_context yet. Throws boost::system::system_error.
  LinkGuard();
  /// Ends it, and with it the rest of the commands.
  ~LinkGuard();
  LinkGuard(const LinkGuard&) = delete;
  LinkGuard& operator=(const LinkGuard&) = delete;

  [[nodiscard]] std::span<std::atomic<pid_t>> groups() const { return groups_.all(); }

 private:
  SharedGroups groups_;
  io::Descriptor lifeline_;  // its other end reads the end of file
  pid_t pid_ = -1;
};

}  // namespace tfunnel::client
