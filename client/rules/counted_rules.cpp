#include "client/rules/counted_rules.hpp"

namespace tfunnel::client {

namespace {

constexpr CountedRule of_system[] = {
    {"into4", "IPv4 into the tunnel", false},
    {"into6", "IPv6 into the tunnel", false},
    {"link", "the link itself", false},
    {"outside", "TCP and UDP that stays outside the tunnel", false},
    {"refused_unrouted", "the far end has no route there", true},
    {"refused_unheard", "no tfunnel listened for them", true},
    {"refused_questions", "questions over a family for which there is no nameserver (--dns)", true},
    {"refused_dot", "questions over TLS, past the far end's resolver (--dns)", true},
    {"refused_lan", "own networks are out of bounds (--lan deny)", true},
    {"refused_others", "neither TCP nor UDP (--allow-icmp)", true},
    {"stray", "they belong to the tunnel, and would have left past it", true},
};
constexpr CountedRule of_guard[] = {{"unguarded", "somebody else had removed the rules", true}};

}  // namespace

std::span<const CountedRule> counted_by_system() { return of_system; }

std::span<const CountedRule> counted_by_guard() { return of_guard; }

std::string counter_definitions(std::span<const CountedRule> rules) {
  std::string text;
  for (const auto& rule : rules) text += std::string("counter ") + rule.counter + " { }\n";
  return text;
}

}  // namespace tfunnel::client
