// The packet filter: what the kernel can, our rules, and others'.
#include <algorithm>

#include "client/doctor/checks.hpp"
#include "client/doctor/obstacles.hpp"

namespace tfunnel::client {

namespace {

using enum Verdict;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Several may be in one module, and some are part of the kernel itself.
Finding lacking_features(const FeatureFacts& features) {
  std::vector<std::string> names;
  std::string modules;
  for (const auto& one : features.missing) {
    names.push_back(one.name);
    if (!one.module.empty() && modules.find(one.module) == std::string::npos) modules += " " + one.module;
  }
  Finding found{wrong, "kernel", "its packet filter lacks " + joined(names), "nothing can be captured", ""};
  if (names.empty()) found.what = "it refuses the rules: " + features.refusal;
  if (!modules.empty()) found.mend = "modprobe -a" + modules;
  return found;
}

}  // namespace

Findings check_kernel(const Situation& situation) {
  const auto& features = situation.facts.features;
  if (!features.is_known) {
    return {{skipped, "kernel", "whether it takes the rules is not known", "that takes CAP_NET_ADMIN", ""}};
  }
  if (!features.missing.empty() || !features.refusal.empty()) return {lacking_features(features)};
  Findings found{{right, "kernel", "it takes the rules: tproxy, socket, fib, ct, reject, nat", "", ""}};
  if (!features.has_control_groups) {
    found.push_back(
        {right, "kernel", "it matches no control groups: the link is known by whom it is connected to", "", ""});
  }
  if (!features.has_owned_tables) {
    found.push_back({warning, "kernel", "its tables belong to nobody (Linux 5.12 has the flag owner)",
                     "while rules that somebody removes are restored something may get out", ""});
  }
  return found;
}

// One that runs restores what it lacks: if it does not, it is stopped, or is to be replaced.
Findings check_rules(const Situation& situation) {
  if (!situation.facts.rules) {
    return {{skipped, "rules", "they cannot be seen", "that takes CAP_NET_ADMIN, and a libnftables with JSON", ""}};
  }
  const auto mend = situation.is_stopped() ? "kill -CONT " + std::to_string(situation.facts.instance->process.pid)
                                           : up_line(situation);
  if (situation.state == State::open && situation.is_stopped()) {
    return {{wrong, "rules", std::string("table inet ") + system_table + " is gone",
             "what would go through the tunnel may go out directly", mend}};
  }
  if (!situation.table) return {{right, "rules", "there are none of ours", "", ""}};
  const auto& faults = situation.table->faults;
  if (faults.empty()) return {{right, "rules", std::string("table inet ") + system_table + " is whole", "", ""}};
  return {{wrong, "rules", std::string("table inet ") + system_table + " is not whole: " + joined(faults),
           "what would go through the tunnel is refused, or goes out directly",
           situation.runs() ? mend : "tfunnel down"}};
}

Findings check_others_rules(const Situation& situation) {
  if (!situation.table || !situation.facts.rules) return {};
  Findings found;
  const auto& ways = situation.facts.ways;
  // Hosts for which this machine forwards may be behind any of its cards.
  Exits exits{ways.v4.plain.card, ways.v6.plain.card};
  for (const auto& card : situation.facts.routing.cards) {
    if (situation.table->forwards && card.is_up && card.name != "lo") exits.inward.push_back(card.name);
  }
  for (const auto& one : obstacles(*situation.facts.rules, situation.marks, exits)) {
    found.push_back({wrong, "order", one.what, one.meaning, one.mend});
  }
  if (!found.empty()) return found;
  return {{right, "order", "no other table's rules stop what is captured", "", ""}};
}

}  // namespace tfunnel::client
