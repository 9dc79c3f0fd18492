// Failures at start-up, as every main() handles them.
#pragma once

#include <functional>
#include <string>

#include "common/io/exit_status.hpp"

namespace tfunnel::app {

/// Runs `body` and turns its exceptions into one line on standard error and a documented status.
int guarded(const std::string& program, const std::function<io::ExitStatus()>& body);

}  // namespace tfunnel::app
