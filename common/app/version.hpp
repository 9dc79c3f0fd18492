// What --version says.
#pragma once

#include <string>

namespace tfunnel::app {

/// Two lines: the release of `program`, its commit and its protocol; the libraries, of which `tls` is the caller's.
std::string version_text(const std::string& program, const std::string& commit, const std::string& tls);

}  // namespace tfunnel::app
