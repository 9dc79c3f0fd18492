// How a log line looks.
#pragma once

#include "common/io/log_level.hpp"

namespace tfunnel::io {

/// With a newline at the end. `who` is the program.
std::string log_line(LogFormat format, std::string_view who, LogLevel level, std::string_view message,
                     LogFields fields = {});

}  // namespace tfunnel::io
