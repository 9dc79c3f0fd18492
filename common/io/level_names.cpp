#include "common/io/level_names.hpp"

#include <algorithm>
#include <array>

namespace tfunnel::io {

namespace {

constexpr std::array<std::string_view, 5> names{"error", "warning", "info", "debug", "trace"};

}  // namespace

std::string_view level_name(LogLevel level) { return names[static_cast<std::size_t>(level)]; }

LogLevel level_named(std::string_view name) {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? LogLevel::info : static_cast<LogLevel>(found - names.begin());
}

}  // namespace tfunnel::io
