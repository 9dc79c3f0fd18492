// The routing of `tfunnel up`: which rules and routes it takes, and what of them is missing. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

/// Of our rules and routes, as rtnetlink(7) tags them with who made them. They are known by it alone.
inline constexpr std::uint8_t routing_protocol = 116;

/// `ip rule`: packets with the mark are looked up in `table`; 0: they have no route.
struct RoutingRule {
  bool is_v4 = true;
  std::uint32_t preference = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;

  auto operator<=>(const RoutingRule&) const = default;
};

/// `ip route`: all packets looked up in `table` are the kernel's own, also those of sockets bound to `device`.
struct LocalRoute {
  bool is_v4 = true;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint32_t device = 0;

  auto operator<=>(const LocalRoute&) const = default;
};

struct Routing {
  std::vector<RoutingRule> rules;
  std::vector<LocalRoute> routes;
};

struct NetworkCard {
  std::uint32_t number = 0;
  std::string name;
  bool is_up = false;
  bool is_bridge = false;
};

/// The routing of this machine, as far as it matters here.
struct RoutingFacts {
  Routing ours;                         // what has our protocol number
  std::set<std::uint32_t> preferences;  // of others' rules
  std::vector<RoutingRule> marked;      // others' rules that look at marks
  std::vector<RoutingRule> unmarked;    // others' that do not
  std::set<std::uint32_t> tables;       // others' rules or routes use them
  std::vector<NetworkCard> cards;
  BothNetworks own_networks;  // reached without a router
  bool has_ipv6 = true;
};

/// The choice that is made once, so that what is restored later on is the same.
struct RoutingPlace {
  std::uint32_t preference = 0;  // and the next one
  std::uint32_t table = 0;
};

/// What is left of a killed one stays in use, so that nothing is open in between; else what nobody uses.
RoutingPlace choose_place(const RoutingFacts& facts);

/// All that should be there. A socket that is bound to a card follows routes of that card only.
Routing planned_routing(const RoutingFacts& facts, const RoutingPlace& place, std::uint32_t mark);

/// What `all` has and `present` has not.
Routing without(const Routing& all, const Routing& present);

/// The arguments of ip(8) that would add it, a line each.
std::string ip_lines(const Routing& routing, const std::vector<NetworkCard>& cards);

}  // namespace tfunnel::client
