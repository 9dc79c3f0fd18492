// Why this system makes no user namespace, or no process: a look at it.
#pragma once

#include "client/run/namespace_hint.hpp"

namespace tfunnel::client {

/// Facts that may explain why the system has refused something with `error`, an errno. `made`: the namespace exists,
/// and this process is in it.
NamespaceFacts look_at_facts(int error, bool made);

/// Throws app::UsageError, which explains that the system has refused `what`, such as "a user namespace", with `error`.
[[noreturn]] void refuse(const std::string& what, int error);

}  // namespace tfunnel::client
