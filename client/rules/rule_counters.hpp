// How many packets met the rules of `tfunnel up`.
#pragma once

#include <vector>

#include "client/status/facts.hpp"

namespace tfunnel::client {

/// All counters of both tables, as the kernel has them now. Without a table, or leave to look, its counters are
/// missing.
std::vector<RuleCounter> read_rule_counters();

}  // namespace tfunnel::client
