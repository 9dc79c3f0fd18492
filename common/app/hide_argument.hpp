// Secrets on the command line, where every user of the machine can read them (ps, /proc/PID/cmdline).
#pragma once

#include <string_view>

namespace tfunnel::app {

/// Overwrites, in the memory that the process list shows, the password in each value of the option `name` (without
/// dashes; `--name=VALUE` and `--name VALUE`; dashes and underscores are the same): what stands between the first colon
/// of "[SCHEME://]USER:PASSWORD@HOST" and the last @. For after the parse, which must have copied the values. Until
/// then it was visible: a file is the better place.
void hide_password(int argc, char** argv, std::string_view name);

}  // namespace tfunnel::app
