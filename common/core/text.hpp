// What is done to text here and there.
#pragma once

#include <string>
#include <string_view>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// ASCII letters in lower case; all else stays as it is.
char lower(char c);
std::string lower(std::string_view text);

/// 0 to 15; below 0 if it is no hexadecimal digit.
int hex_value(char digit);

/// What a terminal takes as one line, whatever was typed or read: control characters and bytes beyond ASCII are
/// escaped, and what exceeds `limit` bytes is cut. Once escaped it stays as it is. With `lines` a newline is one.
std::string one_line(std::string_view text, std::size_t limit, bool lines = false);

/// "15 s": whole seconds, cut.
std::string in_seconds(Duration duration);

}  // namespace tfunnel::core
