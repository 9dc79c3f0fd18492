#include "common/core/reach.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::core {

namespace {

std::optional<Network> network_from_wire(const wire::Network& network, bool is_v4) {
  const auto address = Address::from_wire(network.address());
  const bool fits = network.address().size() == (is_v4 ? 4 : 16) && network.prefix() <= (is_v4 ? 32U : 128U);
  // Sixteen bytes may be a mapped IPv4 address, for which the prefix has another meaning.
  if (!address || !fits || address->is_v4() != is_v4) return std::nullopt;
  return Network::of(*address, network.prefix());
}

/// False: it makes no sense.
bool networks_from_wire(const wire::Reach& reach, bool is_v4, std::optional<Reach::Networks>& out) {
  out.emplace();
  for (const auto& one : reach.networks()) {
    const auto network = network_from_wire(one, is_v4);
    if (!network) return false;
    out->push_back(*network);
  }
  return true;
}

void networks_to_wire(const Reach::Networks& networks, wire::Reach& out) {
  assert(networks.size() <= Reach::most_networks);
  for (const auto& network : networks) {
    auto& one = *out.add_networks();
    one.set_address(std::string(network.first.wire()));
    one.set_prefix(network.prefix());
  }
}

}  // namespace

bool Reach::excludes(const Address& address) const {
  const auto& networks = of(address.is_v4());
  return networks && std::ranges::none_of(*networks, [&](const auto& network) { return network.contains(address); });
}

Reach Reach::with(const Reach& other) const {
  Reach both;
  for (const bool is_v4 : {true, false}) {
    if (!of(is_v4) || !other.of(is_v4)) continue;
    auto all = *of(is_v4);
    all.insert(all.end(), other.of(is_v4)->begin(), other.of(is_v4)->end());
    both.of(is_v4) = limited(std::move(all));
  }
  return both;
}

// The widest first: a network that is left out lies in one that is kept already.
std::optional<Reach::Networks> limited(Reach::Networks networks) {
  std::ranges::sort(networks, {}, [](const Network& network) { return std::pair(network.bits, network.first); });
  Reach::Networks kept;
  for (const auto& network : networks) {
    if (std::ranges::any_of(kept, [&](const auto& wider) { return network.within(wider); })) continue;
    if (kept.size() == Reach::most_networks) return std::nullopt;
    kept.push_back(network);
  }
  return kept;
}

std::optional<Reach> reach_from_wire(const wire::Families& families) {
  Reach reach;
  if (families.has_ipv4() && !networks_from_wire(families.ipv4(), true, reach.v4)) return std::nullopt;
  if (families.has_ipv6() && !networks_from_wire(families.ipv6(), false, reach.v6)) return std::nullopt;
  return reach;
}

void reach_to_wire(const Reach& reach, wire::Families& out) {
  if (reach.v4) networks_to_wire(*reach.v4, *out.mutable_ipv4());
  if (reach.v6) networks_to_wire(*reach.v6, *out.mutable_ipv6());
}

}  // namespace tfunnel::core
