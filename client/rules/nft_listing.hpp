// The packet filter of this network namespace, read by libnftables.
#pragma once

#include <optional>
#include <string>

namespace tfunnel::client {

/// All tables as libnftables-json(5) has them, with handles and without the elements of sets. Nothing: we may not look,
/// or this libnftables writes no JSON.
std::optional<std::string> ruleset_json();

}  // namespace tfunnel::client
