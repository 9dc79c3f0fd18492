// A file whose first line is a password.
#pragma once

#include <optional>
#include <string>

namespace tfunnel::proxy {

/// The line without its end; empty for an empty file. Nothing if it cannot be read.
std::optional<std::string> first_line_of(const std::string& path);

}  // namespace tfunnel::proxy
