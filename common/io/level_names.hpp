// How levels are called in log lines.
#pragma once

#include <string_view>

#include "common/io/log_level.hpp"

namespace tfunnel::io {

[[nodiscard]] std::string_view level_name(LogLevel level);
/// `info` for a word that is none of the names.
[[nodiscard]] LogLevel level_named(std::string_view name);

}  // namespace tfunnel::io
