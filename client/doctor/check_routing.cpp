// Routing: ours, others', and the way that programs need to begin with.
#include <algorithm>
#include <bit>

#include "client/doctor/checks.hpp"
#include "client/doctor/shell_words.hpp"
#include "client/up/traps.hpp"

namespace tfunnel::client {

namespace {

using enum Verdict;

constexpr std::uint32_t loopback_number = 1;

std::string family_name(bool is_v4) { return is_v4 ? "IPv4" : "IPv6"; }

std::string ip_line(bool is_v4, const std::string& rest) {
  std::string line = is_v4 ? "ip -4 " : "ip -6 ";
  return line.append(rest);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// One that is to be added, as a command.
std::string line_for(const Situation& situation, const Routing& one) {
  return first_line(ip_lines(one, situation.facts.routing.cards));
}

// A line for each, since each is added alone.
Findings missing_lines(const Situation& situation) {
  Findings found;
  const auto missing = missing_routing(situation);
  for (const auto& rule : missing.rules) {
    const bool leads = rule.table != 0;
    found.push_back({wrong, "routes", "a routing rule of ours is gone: " + family_name(rule.is_v4),
                     leads ? "what is captured does not come to the tunnel: it is lost, and nothing gets out"
                           : "what is captured may look for another way: it is lost, and nothing gets out",
                     line_for(situation, {{rule}, {}})});
  }
  for (const auto& route : missing.routes) {
    found.push_back({wrong, "routes", "a route of ours is gone: " + family_name(route.is_v4),
                     route.device == loopback_number ? "what is captured does not come to the tunnel"
                                                     : "programs that are bound to a network card reach nobody",
                     line_for(situation, {{}, {route}})});
  }
  return found;
}

bool is_loopback_up(const RoutingFacts& routing) {
  return std::ranges::any_of(routing.cards,
                             [](const auto& card) { return card.number == loopback_number && card.is_up; });
}

/// Somebody else's rule that is asked before ours: the first.
const RoutingRule* earlier_rule(const RoutingFacts& routing, bool is_v4) {
  const auto place = choose_place(routing);
  const RoutingRule* found = nullptr;
  for (const auto* list : {&routing.unmarked, &routing.marked}) {
    for (const auto& rule : *list) {
      const bool is_before = rule.is_v4 == is_v4 && rule.preference > 0 && rule.preference < place.preference;
      if (is_before && (found == nullptr || rule.preference < found->preference)) found = &rule;
    }
  }
  return found;
}

// The kernel was asked where it would send a packet with our mark, so that all ways to be misled are noticed; which one
// it is, is guessed.
Finding misled(const Situation& situation, bool is_v4) {
  Finding found{wrong, "routes", "captured " + family_name(is_v4) + " goes elsewhere",
                "it does not come to the tunnel: it is lost, and nothing gets out", ""};
  const auto* rule = earlier_rule(situation.facts.routing, is_v4);
  if (rule == nullptr) return found;
  found.what += ": somebody else's rule " + std::to_string(rule->preference) + " comes before ours";
  found.mend = ip_line(is_v4, "rule del priority " + std::to_string(rule->preference));
  return found;
}

bool is_global(const core::Network& network) {
  static const auto link_local = core::Network::of(*core::Address::parse("fe80::"), 10);
  return !network.within(link_local);
}

// Without addresses nobody expects to reach that family.
bool has_addresses(const RoutingFacts& routing, bool is_v4) {
  const auto& networks = is_v4 ? routing.own_networks.v4 : routing.own_networks.v6;
  return std::ranges::any_of(networks, is_global);
}

/// A card on which a default route would find an address to send from.
std::string card_of(const DoctorFacts& facts, bool is_v4) {
  const auto& other = facts.ways.of(!is_v4).plain;
  if (other.is_there && !other.card.empty()) return other.card;
  for (const auto& card : facts.routing.cards) {
    if (card.is_up && card.number != loopback_number) return card.name;
  }
  return "";
}

// Captured packets never use it: it lets the kernel begin.
Finding no_way(const Situation& situation, bool is_v4) {
  const auto& facts = situation.facts;
  const auto family = family_name(is_v4);
  const bool has_other = facts.ways.of(!is_v4).plain.is_there;
  const auto card = card_of(facts, is_v4);
  Finding found{warning, "routes", family + " has no default route",
                "programs are told that the network is unreachable, though the tunnel goes there", ""};
  if (!has_other) found.verdict = wrong;
  if (!card.empty()) found.mend = ip_line(is_v4, "route add default dev " + shell_word(card) + " metric 2147483647");
  if (!has_other) {
    found.meaning = "programs, and the link itself, are told that the network is unreachable";
    found.mend = ip_line(is_v4, "route add default via ROUTER");
  }
  return found;
}

std::uint32_t marks_of_others(const RoutingFacts& routing) {
  std::uint32_t taken = 0;
  for (const auto& rule : routing.marked) taken |= rule.mark & rule.mask;
  return taken;
}

/// Three bits that nobody uses, or nothing.
std::string other_marks(const RoutingFacts& routing) {
  const auto taken = marks_of_others(routing);
  std::string options;
  std::uint32_t bit = 1;
  for (const auto* option : {"--own-mark", "--capture-mark", "--passed-mark"}) {
    while (bit != 0 && (taken & bit) != 0) bit <<= 1U;
    if (bit == 0) return "";
    options += (options.empty() ? "" : " ") + std::string(option) + " " + mark_text(bit);
    bit <<= 1U;
  }
  return options;
}

}  // namespace

// What is lost with the loopback device are its routes, too: they come back with it.
Findings check_routing(const Situation& situation) {
  if (situation.state != State::captures) return {};
  if (!is_loopback_up(situation.facts.routing)) {
    return {{wrong, "routes", "the loopback device is down", "what is captured is delivered by it: all is lost",
             "ip link set lo up"}};
  }
  auto found = missing_lines(situation);
  for (const bool is_v4 : {true, false}) {
    if (!found.empty() || (!is_v4 && !situation.facts.routing.has_ipv6)) break;
    const auto& way = situation.facts.ways.of(is_v4);
    if (way.plain.is_there && !way.marked.is_local) found.push_back(misled(situation, is_v4));
  }
  if (found.empty())
    found.push_back({right, "routes", "our rules and routes are there, and lead to the tunnel", "", ""});
  return found;
}

// The same words as up's, which refuses to start; but another may have come later.
Findings check_marks(const Situation& situation) {
  const auto clash = clash_of_marks(situation.facts.routing, situation.marks);
  if (!clash) return {{right, "marks", "no routing rule of somebody else's is about our marks", "", ""}};
  const auto options = other_marks(situation.facts.routing);
  return {{wrong, "marks", clash->substr(0, clash->find(": give up")),
           "captured packets would take the other's way, or its packets ours",
           options.empty() ? "" : up_line(situation, options)}};
}

Findings check_ways(const Situation& situation) {
  Findings found;
  const auto& facts = situation.facts;
  for (const bool is_v4 : {true, false}) {
    const bool is_expected = is_v4 ? !facts.ways.v6.plain.is_there || has_addresses(facts.routing, true)
                                   : facts.routing.has_ipv6 && has_addresses(facts.routing, false);
    if (facts.ways.of(is_v4).plain.is_there || !is_expected) continue;
    found.push_back(no_way(situation, is_v4));
  }
  if (found.empty()) found.push_back({right, "routes", "programs have a way to begin with", "", ""});
  return found;
}

}  // namespace tfunnel::client
