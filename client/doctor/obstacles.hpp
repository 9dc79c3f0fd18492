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

/// Network cards. Those by which packets would leave: empty if not known.
struct Exits {
  std::string v4;
  std::string v6;
  /// Those by which hosts for which this machine forwards may be reached, if what they send is captured.
  std::vector<std::string> inward = {};
};

/// Each is told once. Follows a captured connection, and the answers to it, through all tables but ours; a rule that
/// may or may not be about them is no obstacle. What is forwarded may come by any of the cards: it is stopped if it is
/// stopped on all. REQUIRES: our table is among the rules, with these marks.
std::vector<Obstacle> obstacles(const Ruleset& rules, const SystemMarks& marks, const Exits& exits);

}  // namespace tfunnel::client
