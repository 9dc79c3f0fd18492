// The rules of `tfunnel up` as they stand in the kernel. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/doctor/ruleset.hpp"
#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

struct OwnTable {
  SystemMarks marks;
  std::uint16_t port = 0;  // where it sends what it captures; 0: nowhere
  bool forwards = false;
  // Questions to port 53 go to the far resolver (--dns), over that family.
  bool takes_v4_questions = false;
  bool takes_v6_questions = false;
  std::vector<std::string> faults;  // what should stand there, and does not

  [[nodiscard]] bool takes_questions() const { return takes_v4_questions || takes_v6_questions; }
};

/// None: there is no such table.
std::optional<OwnTable> read_own_table(const Ruleset& rules);

/// A port that somebody's rules hand connections to (tproxy).
struct Handover {
  std::string table;  // "inet tfunnel"
  std::uint16_t port = 0;

  auto operator<=>(const Handover&) const = default;
};
/// Those of others.
std::vector<Handover> handovers(const Ruleset& rules);

}  // namespace tfunnel::client
