// The packet filter of this network namespace, read by libnftables.
#pragma once

#include <optional>
#include <string>

namespace tfunnel::client {

/// All tables of IP with their chains and rules, a document of libnftables-json(5) on each line. Nothing: we may not
/// look, or this libnftables writes no JSON.
std::optional<std::string> rules_json();

}  // namespace tfunnel::client
