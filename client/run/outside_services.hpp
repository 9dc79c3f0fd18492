// Services of this machine that use the network for whoever asks them.
#pragma once

#include <string>
#include <vector>

namespace tfunnel::client {

/// $XDG_RUNTIME_DIR; empty: it is not set.
std::string own_runtime_directory();

/// Their sockets, or the directories of those: what runs containers and machines, what starts services, and the
/// system's D-Bus, over which names are looked up. The user's own are in `runtime_directory` ($XDG_RUNTIME_DIR; empty:
/// not said) and in /run/user. Whether they exist is not asked. What lies at or below one of `shown`, or above it, is
/// left out.
std::vector<std::string> outside_services(const std::string& runtime_directory, const std::vector<std::string>& shown);

}  // namespace tfunnel::client
