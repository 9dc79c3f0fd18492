// A file whose first line is a password.
#pragma once

#include <string>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// The line without its end; empty for an empty file. An error if the file cannot be read.
result<std::string> first_line_of(const std::string& path);

/// The same for `option`, which names the file. Throws app::UsageError, also for an empty line.
std::string password_in(const std::string& path, const std::string& option);

}  // namespace tfunnel::proxy
