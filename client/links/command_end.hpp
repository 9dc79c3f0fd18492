// What the exit status of a link's command says to the person who wrote the command.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tfunnel::client {

/// The reason behind a command that ended before the far end said anything, with what to do about it; nothing if the
/// status is not one of those that shells and ssh(1) give a meaning to. `script` is for sh(1).
std::optional<std::string> explain_status(int status, std::string_view script);

/// The status with which shells report that Ctrl-C ended a command.
constexpr int interrupted_status = 130;

}  // namespace tfunnel::client
