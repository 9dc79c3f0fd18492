// The parts of a log line.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tfunnel::io {

enum class LogLevel { error, warning, info, debug, trace };
enum class LogFormat { text, json };

/// Follow the message as key=value, or becomes members of the JSON object.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

}  // namespace tfunnel::io
