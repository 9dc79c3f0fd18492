#include "client/doctor/own_table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <sstream>

#include "client/doctor/packet_values.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

/// A chain as `tfunnel up` would make it.
struct Wanted {
  std::string hook;
  bool has_rules = false;
};

const json::object* statement(const json::value& part, std::string_view kind) {
  const auto* found = part.is_object() ? part.get_object().if_contains(kind) : nullptr;
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

bool has(const NftRule& rule, std::string_view kind) {
  return std::ranges::any_of(rule.parts,
                             [kind](const auto& part) { return part.is_object() && part.get_object().contains(kind); });
}

/// The bit of a `meta mark & BIT == BIT`; none if it is another match.
std::optional<std::uint32_t> mark_bit(const json::object& match) {
  const auto* right = match.if_contains("right");
  if (right == nullptr || !right->is_int64()) return std::nullopt;
  const json::value wanted{{"&", {{{"meta", {{"key", "mark"}}}}, *right}}};
  const auto* left = match.if_contains("left");
  if (left == nullptr || *left != wanted) return std::nullopt;
  return static_cast<std::uint32_t>(right->get_int64());
}

std::optional<std::uint32_t> first_bit(const NftRule& rule) {
  const auto* match = rule.parts.empty() ? nullptr : statement(rule.parts.front(), "match");
  return match == nullptr ? std::nullopt : mark_bit(*match);
}

/// The chain that decides looks at our own packets first, and then at the far end's on this machine.
void read_marks(OwnTable& table, const NftChain& output, const NftChain& take) {
  for (const auto& rule : output.rules) {
    const auto bit = first_bit(rule);
    if (bit && has(rule, "return") && rule.parts.size() == 2) table.marks.own = *bit;
    if (bit && has(rule, "goto")) table.marks.passed = *bit;
  }
  Specimen unmarked;
  unmarked.mark = 0;
  for (const auto& rule : take.rules) {
    const auto* mangle = rule.parts.empty() ? nullptr : statement(rule.parts.front(), "mangle");
    const auto* value = mangle == nullptr ? nullptr : mangle->if_contains("value");
    if (value != nullptr) table.marks.captured = number_of(unmarked, *value).value_or(table.marks.captured);
  }
}

std::uint16_t port_in(const NftChain& chain) {
  for (const auto& rule : chain.rules) {
    for (const auto& part : rule.parts) {
      const auto* tproxy = statement(part, "tproxy");
      const auto* port = tproxy == nullptr ? nullptr : tproxy->if_contains("port");
      if (port != nullptr && port->is_int64()) return static_cast<std::uint16_t>(port->get_int64());
    }
  }
  return 0;
}

bool leads_to(const NftChain& chain, std::string_view target) {
  return std::ranges::any_of(chain.rules, [target](const auto& rule) {
    return std::ranges::any_of(rule.parts, [target](const auto& part) {
      const auto* jump = statement(part, "jump");
      const auto* to = jump == nullptr ? nullptr : jump->if_contains("target");
      return to != nullptr && to->is_string() && std::string_view(to->get_string()) == target;
    });
  });
}

/// Are packets of the family sent elsewhere?
bool readdresses(const NftChain& chain, std::string_view family) {
  return std::ranges::any_of(chain.rules, [family](const auto& rule) {
    return std::ranges::any_of(rule.parts, [family](const auto& part) {
      const auto* dnat = statement(part, "dnat");
      const auto* of = dnat == nullptr ? nullptr : dnat->if_contains("family");
      return of != nullptr && of->is_string() && std::string_view(of->get_string()) == family;
    });
  });
}

// What all variants of the rules have: lines for some options only are comments here.
std::map<std::string, Wanted> wanted_chains() {
  SystemTerms least;
  least.allow_icmp = true;
  std::map<std::string, Wanted> chains;
  std::istringstream lines(system_rules(least));
  Wanted* now = nullptr;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    std::string third;
    std::string fourth;
    words >> first >> second >> third >> fourth;
    if (first == "chain") {
      now = &chains[second];
    } else if (first == "type" && third == "hook" && now != nullptr) {
      now->hook = fourth;
    } else if (first == "}") {
      now = nullptr;
    } else if (now != nullptr && !first.empty() && !first.starts_with('#')) {
      now->has_rules = true;
    }
  }
  return chains;
}

// More than what all variants have is no fault: options add chains and rules.
std::vector<std::string> faults_of(const Ruleset& rules) {
  std::vector<std::string> faults;
  for (const auto& [name, wanted] : wanted_chains()) {
    const auto* chain = rules.find("inet", system_table, name);
    if (chain == nullptr) {
      faults.push_back("chain " + name + " is gone");
    } else if (chain->hook != wanted.hook) {
      faults.push_back("chain " + name + " is no chain of the hook " + wanted.hook);
    } else if (wanted.has_rules && chain->rules.empty()) {
      faults.push_back("chain " + name + " is empty");
    }
  }
  return faults;
}

}  // namespace

std::optional<OwnTable> read_own_table(const Ruleset& rules) {
  if (!rules.has_table("inet", system_table)) return std::nullopt;
  OwnTable table;
  table.faults = faults_of(rules);
  const NftChain none;
  const auto chain = [&](const char* name) -> const NftChain& {
    const auto* found = rules.find("inet", system_table, name);
    return found == nullptr ? none : *found;
  };
  read_marks(table, chain("output"), chain("take"));
  table.port = port_in(chain("deliver"));
  table.forwards = leads_to(chain("prerouting"), "choose");
  table.takes_v4_questions = readdresses(chain("ask_another"), "ip");
  table.takes_v6_questions = readdresses(chain("ask_another"), "ip6");
  return table;
}

std::vector<Handover> handovers(const Ruleset& rules) {
  std::vector<Handover> found;
  for (const auto& chain : rules.chains) {
    const auto port = port_in(chain);
    if (port == 0 || chain.table == system_table) continue;
    const Handover one{chain.family + " " + chain.table, port};
    if (std::ranges::find(found, one) == found.end()) found.push_back(one);
  }
  return found;
}

}  // namespace tfunnel::client
