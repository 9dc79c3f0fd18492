#include "client/rules/system_routing.hpp"

#include <algorithm>

namespace tfunnel::client {

namespace {

// Before all others' but the kernel's own (0), which is asked for this machine's addresses.
constexpr std::uint32_t first_preference = 10;
constexpr std::uint32_t first_table = 12300;
constexpr std::uint32_t loopback_number = 1;
// The loopback device comes first; routes that differ by the metric stand side by side.
constexpr std::uint32_t loopback_metric = 1;
constexpr std::uint32_t card_metric = 2048;

std::string number_text(std::uint32_t number) { return std::to_string(number); }

std::string name_of(std::uint32_t device, const std::vector<NetworkCard>& cards) {
  const auto found = std::ranges::find(cards, device, &NetworkCard::number);
  return found == cards.end() ? "if" + number_text(device) : found->name;
}

template <class T>
std::vector<T> rest(const std::vector<T>& all, const std::vector<T>& present) {
  std::vector<T> left;
  std::ranges::copy_if(all, std::back_inserter(left),
                       [&](const T& one) { return std::ranges::find(present, one) == present.end(); });
  return left;
}

void plan_family(Routing& plan, const RoutingFacts& facts, const RoutingPlace& place, std::uint32_t mark, bool is_v4) {
  plan.rules.push_back({is_v4, place.preference, mark, mark, place.table});
  plan.rules.push_back({is_v4, place.preference + 1, mark, mark, 0});
  for (const auto& card : facts.cards) {
    const auto metric = card.number == loopback_number ? loopback_metric : card_metric + card.number;
    if (card.is_up) plan.routes.push_back({is_v4, place.table, metric, card.number});
  }
}

}  // namespace

RoutingPlace choose_place(const RoutingFacts& facts) {
  for (const auto& rule : facts.ours.rules) {
    if (rule.table != 0) return {rule.preference, rule.table};
  }
  RoutingPlace place{first_preference, first_table};
  const auto& taken = facts.preferences;
  while (taken.contains(place.preference) || taken.contains(place.preference + 1)) ++place.preference;
  while (facts.tables.contains(place.table)) ++place.table;
  return place;
}

Routing planned_routing(const RoutingFacts& facts, const RoutingPlace& place, std::uint32_t mark) {
  Routing plan;
  plan_family(plan, facts, place, mark, true);
  if (facts.has_ipv6) plan_family(plan, facts, place, mark, false);
  return plan;
}

Routing without(const Routing& all, const Routing& present) {
  return {rest(all.rules, present.rules), rest(all.routes, present.routes)};
}

std::string ip_lines(const Routing& routing, const std::vector<NetworkCard>& cards) {
  const auto begin = [](bool is_v4, const char* what) { return std::string("ip ") + (is_v4 ? "-4 " : "-6 ") + what; };
  const auto end = " protocol " + number_text(routing_protocol) + "\n";
  std::string lines;
  for (const auto& route : routing.routes) {
    lines += begin(route.is_v4, "route add local default dev ") + name_of(route.device, cards) + " table " +
             number_text(route.table) + " metric " + number_text(route.metric) + end;
  }
  for (const auto& rule : routing.rules) {
    const auto mark = number_text(rule.mark) + "/" + number_text(rule.mask);
    lines += begin(rule.is_v4, "rule add priority ") + number_text(rule.preference) + " fwmark " + mark +
             (rule.table != 0 ? " lookup " + number_text(rule.table) : " unreachable") + end;
  }
  return lines;
}

}  // namespace tfunnel::client
