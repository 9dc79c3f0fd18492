#include "client/capture/routed_networks.hpp"

#include <algorithm>

namespace tfunnel::client {

namespace {

using core::Address;
using core::Network;
using Networks = core::Reach::Networks;

/// The far end's resolver, its loopback, and the like: ranges for benchmarks (RFC 2544, RFC 5180) and an IPv6 prefix of
/// our own. No far end has real routes there that a program could mean.
const Networks& own_ranges(bool is_v4) {
  static const Networks v4{Network::of(*Address::parse("198.18.0.0"), 15)};
  static const Networks v6{Network::of(*Address::parse("fd00:7466::"), 32),
                           Network::of(*Address::parse("2001:2::"), 48)};
  return is_v4 ? v4 : v6;
}

}  // namespace

Networks routed_networks(const core::Reach& reach, bool is_v4) {
  const Networks everything{Network::of(is_v4 ? Address::v4({}) : Address(), 0)};
  auto all = reach.of(is_v4).value_or(everything);
  all.insert(all.end(), own_ranges(is_v4).begin(), own_ranges(is_v4).end());
  return core::limited(std::move(all)).value_or(everything);
}

bool is_routed(const core::Reach& reach, const core::Address& address) {
  const auto contains = [&](const Network& network) { return network.contains(address); };
  return !reach.excludes(address) || std::ranges::any_of(own_ranges(address.is_v4()), contains);
}

}  // namespace tfunnel::client
