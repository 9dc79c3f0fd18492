// Which rules of `tfunnel up` count packets, and what these were. Pure.
#pragma once

#include <span>
#include <string>

namespace tfunnel::client {

struct CountedRule {
  const char* counter;  // as system_rules_text.hpp names it
  const char* meaning;
  bool refused;  // the packets went nowhere
};

/// Those of the table that captures, and of the guard, in the order in which a person may want to see them.
std::span<const CountedRule> counted_by_system();
std::span<const CountedRule> counted_by_guard();

/// nft(8) input, to stand in a table: its counters.
std::string counter_definitions(std::span<const CountedRule> rules);

}  // namespace tfunnel::client
