// Asks the clients that run for their status.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::client {

struct StatusAnswer {
  std::string socket;  // its path, for a person
  uid_t user = 0;      // whose process it is
  pid_t process = 0;   // 0: it is in a PID namespace that we cannot see into
  /// What it said, up to a megabyte; not trusted. Nothing: it did not answer in time, or not whole.
  std::optional<std::string> text;
};

/// Of this user's clients, and of everybody's for root; those that refuse us are left out. Takes no longer than
/// `patience`. Sockets of this user's at which nobody listens any more are removed.
std::vector<StatusAnswer> ask_status(core::Duration patience);

}  // namespace tfunnel::client
