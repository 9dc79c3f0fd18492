// The user's program, inside the namespaces, yet our own child.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "client/run/front_signals.hpp"
#include "client/run/init_process.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

struct ProgramStart {
  const InitProcess& init;
  const std::vector<std::string>& words;
  /// Whether a SystemCallFilter is put on it.
  bool filter;
  const FrontSignals& signals;
  const io::Log& log;
};

/// Starts `words` in the namespaces of `init`, or in a LockedNamespace below them, in our process group and session,
/// with our standard streams, working directory (one that has been removed, if ours cannot be entered from there) and
/// environment, and with the signals as `signals` found them. When it runs, `init` is out of its reach. Throws
/// app::UsageError with exit status 127 if there is no such program, 126 if it cannot be executed.
pid_t start_program(const ProgramStart& wanted);

}  // namespace tfunnel::client
