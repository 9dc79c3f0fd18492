// Failures at start-up, as every main() handles them.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "common/io/exit_status.hpp"
#include "common/io/log_level.hpp"

namespace tfunnel::app {

/// The form that a command line asks for, be it wrong in all else: whether --log-format json stands there. Words behind
/// "--" are another program's.
io::LogFormat log_format_in(std::span<const char* const> words);

/// Runs `body` and turns its exceptions into one line on standard error and a documented status. As JSON the line is an
/// object like those of the log.
int guarded(const std::string& program, io::LogFormat format, const std::function<io::ExitStatus()>& body);

}  // namespace tfunnel::app
