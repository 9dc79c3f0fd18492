// What is done to text here and there.
#pragma once

#include <string>
#include <string_view>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// ASCII letters in lower case; all else stays as it is.
char lower(char c);
std::string lower(std::string_view text);

/// "15 s": whole seconds, cut.
std::string in_seconds(Duration duration);

}  // namespace tfunnel::core
