// Others' rules that are in the way of what is captured. Pure.
#pragma once

#include "client/doctor/ruleset.hpp"
#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

struct Obstacle {
  std::string what;
  std::string meaning;
  std::string mend;  // a command line
};

/// The network cards by which packets would leave; empty: not known.
struct Exits {
  std::string v4;
  std::string v6;
};

/// Each is told once. Follows a captured connection, and the answers to it, through all tables but ours; a rule that
/// may or may not be about them is no obstacle. REQUIRES: our table is among the rules, with these marks.
std::vector<Obstacle> obstacles(const Ruleset& rules, const SystemMarks& marks, const Exits& exits);

}  // namespace tfunnel::client
