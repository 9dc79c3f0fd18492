// A log line of a far end, as it comes through the standard error of a link's command.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/log_level.hpp"

namespace tfunnel::io {

/// What a far end calls itself.
constexpr std::string_view far_program = "tfunnel proxy";

/// What it says. Nothing in it is trusted, but all is printable.
struct FarLine {
  struct Field {
    std::string key;
    std::string text;
    bool is_literal = false;  // JSON as it is, a number say
  };

  LogLevel level = LogLevel::info;
  std::string origin;  // the program that wrote it: far_program, or another tfunnel in between
  std::string message;
  std::vector<Field> fields;
};

/// Reads a line without its newline: JSON of any tfunnel, or a far end's text. Nothing: it is somebody else's, ssh's
/// say.
std::optional<FarLine> read_far_line(std::string_view line);

/// As a far end that logs text would have written it, without a newline.
std::string text_of(const FarLine& line);

}  // namespace tfunnel::io
