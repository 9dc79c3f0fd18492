// What the exit status of a link's command says to the person who wrote the command.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tfunnel::client {

/// The reason behind a command that ended before the far end said anything, with what to do about it; nothing if it
/// said nothing itself, and the status is not one of those that shells and ssh(1) give a meaning to. `script` is for
/// sh(1). `last_words`, the last line that it wrote to its standard error, tell whether a program is missing on this
/// machine or at the other end of ssh: a shell there gives the same status.
std::optional<std::string> explain_status(int status, std::string_view script, std::string_view last_words);

/// The status with which shells report that Ctrl-C ended a command.
constexpr int interrupted_status = 130;

}  // namespace tfunnel::client
