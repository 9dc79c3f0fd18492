#include "client/doctor/own_table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "client/doctor/packet_values.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

/// What a chain has, as far as it tells whether the chain is whole.
struct Content {
  std::string hook;
  std::size_t rules = 0;
  std::set<std::string> targets;  // of jumps
  std::size_t drops = 0;
  std::size_t handovers = 0;  // tproxy
};
using Contents = std::map<std::string, Content>;

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

/// Takes one line of the text of a chain.
void read_line(Content& content, const std::string& line) {
  std::istringstream stream(line);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  if (words.empty() || words[0].starts_with('#')) return;
  if (words.size() > 3 && words[0] == "type" && words[2] == "hook") {
    content.hook = words[3];
    return;
  }
  ++content.rules;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool leads = (words[i] == "jump" || words[i] == "goto") && i + 1 < words.size();
    if (leads) content.targets.insert(words[i + 1]);
    if (words[i] == "drop") ++content.drops;
    if (words[i] == "tproxy") ++content.handovers;
  }
}

Contents contents_of(const std::string& text) {
  Contents contents;
  Content* now = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    words >> first >> second;
    if (first == "chain") {
      now = &contents[second];
    } else if (first == "}") {
      now = nullptr;
    } else if (now != nullptr) {
      read_line(*now, line);
    }
  }
  return contents;
}

void keep_common(Content& one, const Content& other) {
  one.rules = std::min(one.rules, other.rules);
  one.drops = std::min(one.drops, other.drops);
  one.handovers = std::min(one.handovers, other.handovers);
  std::erase_if(one.targets, [&](const auto& target) { return !other.targets.contains(target); });
}

// Options add lines, and some take others away.
Contents common_contents() {
  constexpr bool SystemTerms::*switches[] = {&SystemTerms::forward, &SystemTerms::owned, &SystemTerms::lan_denied,
                                             &SystemTerms::allow_icmp};
  auto common = contents_of(system_rules({}));
  const auto intersect = [&](const SystemTerms& terms) {
    const auto other = contents_of(system_rules(terms));
    std::erase_if(common, [&](const auto& one) { return !other.contains(one.first); });
    for (auto& [name, content] : common) keep_common(content, other.at(name));
  };
  for (const auto one : switches) {
    SystemTerms terms;
    terms.*one = true;
    intersect(terms);
  }
  SystemTerms named;
  named.dns = {core::Address::parse("192.0.2.1"), core::Address::parse("2001:db8::1")};
  named.included = {{core::Network::of(*core::Address::parse("192.0.2.0"), 24), 0, 0}};
  intersect(named);
  return common;
}

/// The same of one that stands.
Content content_of(const NftChain& chain) {
  Content content{chain.hook, chain.rules.size(), {}, 0, 0};
  for (const auto& rule : chain.rules) {
    if (has(rule, "drop")) ++content.drops;
    if (has(rule, "tproxy")) ++content.handovers;
    for (const auto& part : rule.parts) {
      for (const auto* kind : {"jump", "goto"}) {
        const auto* jump = statement(part, kind);
        const auto* target = jump == nullptr ? nullptr : jump->if_contains("target");
        if (target != nullptr && target->is_string()) content.targets.insert(std::string(target->get_string()));
      }
    }
  }
  return content;
}

/// What is wrong with a chain that is there; empty: nothing.
std::string fault_of(const Content& wanted, const Content& found) {
  if (found.hook != wanted.hook) return "is no chain of the hook " + wanted.hook;
  if (found.rules == 0 && wanted.rules > 0) return "is empty";
  for (const auto& target : wanted.targets) {
    if (!found.targets.contains(target)) return "does not lead to " + target;
  }
  if (found.drops < wanted.drops) return "lets through what it should drop";
  return found.handovers < wanted.handovers ? "does not hand over all" : "";
}

// More than what all variants have is no fault.
std::vector<std::string> faults_of(const Ruleset& rules) {
  std::vector<std::string> faults;
  for (const auto& [name, wanted] : common_contents()) {
    const auto* chain = rules.find("inet", system_table, name);
    const auto fault = chain == nullptr ? std::string("is gone") : fault_of(wanted, content_of(*chain));
    if (!fault.empty()) faults.push_back("chain " + name + " " + fault);
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
  table.forwards = leads_to(chain("prerouting"), "choose_forwarded");
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
