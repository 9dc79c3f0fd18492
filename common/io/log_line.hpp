// How a log line looks.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>

#include "common/io/far_line.hpp"
#include "common/io/log_level.hpp"

namespace tfunnel::io {

/// RFC 3339, UTC, with milliseconds.
std::string timestamp(std::chrono::system_clock::time_point time);

/// With a newline at the end. `who` is the program; `flow`, if not null, what the message is about.
std::string log_line(LogFormat format, std::string_view who, LogLevel level, std::string_view message,
                     LogFields fields = {}, const LogFlow* flow = nullptr);

/// A JSON object for what has no words, such as a table: `members` behind those that each line has.
std::string log_line(std::string_view who, std::string_view message, const boost::json::object& members);

/// The same for what a far end said, and `who` passes on: as JSON it keeps its level and fields, and gets the member
/// "origin"; as text it is the message.
std::string log_line(LogFormat format, std::string_view who, const FarLine& line);

}  // namespace tfunnel::io
