// The user's program, inside the namespaces, yet our own child.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "client/run/front_signals.hpp"

namespace tfunnel::client {

/// Starts `words` in the namespaces of the process `init`, in our process group and session, with our standard streams,
/// working directory and environment, and with the signals as `signals` found them. Throws app::UsageError with exit
/// status 127 if there is no such program, 126 if it cannot be executed.
pid_t start_program(pid_t init, const std::vector<std::string>& words, const FrontSignals& signals);

}  // namespace tfunnel::client
