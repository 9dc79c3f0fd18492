// A command that is a link: its standard input and output carry the tunnel.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// The command to run, and for whom.
struct Command {
  std::string file;                    // absolute
  std::vector<std::string> arguments;  // with the name in front
  bool has_own_stderr = true;          // else it writes to ours
  std::string script;                  // what it can read from its descriptor 3; empty: nothing, and no such descriptor

  /// For /bin/sh, which gets the text by a descriptor, for it may contain a password, and arguments are for all to see.
  static Command shell(const std::string& text);
  /// The same, but each ssh(1) that it calls by that name makes a connection of its own instead of using a
  /// ControlMaster's. Nothing if it calls none.
  [[nodiscard]] std::optional<Command> past_control_master() const;
};

/// A process in a process group of its own, so that signals of the terminal's keys do not reach it, and that it can be
/// ended with all its children. The kernel ends it should this process die without a word (PR_SET_PDEATHSIG).
struct ChildProcess {
  pid_t pid = -1;
  io::Descriptor input;   // to write
  io::Descriptor output;  // to read
  io::Descriptor errors;  // to read; closed if it writes to our stderr

  /// Throws boost::system::system_error if there is no room for it. That the file cannot be run shows as exit status
  /// 127, as in a shell.
  static ChildProcess start(const Command& command);
};

}  // namespace tfunnel::client
