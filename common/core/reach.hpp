// Which destinations the far end's host has a route to.
#pragma once

#include <optional>
#include <vector>

#include "common/core/network.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

/// Networks, for each family. A destination in none of them is one that connect(2) refuses there at once ("network is
/// unreachable"); anything else is worth a try. A default route is the network of all addresses. Pure.
struct Reach {
  using Networks = std::vector<Network>;
  /// More than this is not told; see limited().
  static constexpr std::size_t most_networks = 100;

  // None: nothing is known of that family, and everything is worth a try.
  std::optional<Networks> v4;
  std::optional<Networks> v6;

  [[nodiscard]] std::optional<Networks>& of(bool is_v4) { return is_v4 ? v4 : v6; }
  [[nodiscard]] const std::optional<Networks>& of(bool is_v4) const { return is_v4 ? v4 : v6; }
  /// The far end's host has no route to it.
  [[nodiscard]] bool excludes(const Address& address) const;
  /// The destinations that can be reached with one or the other.
  [[nodiscard]] Reach with(const Reach& other) const;

  bool operator==(const Reach&) const = default;
};

/// The same addresses in as few networks as possible without joining any, in order; nothing if they are still too many
/// to be told: then nobody refuses anything.
std::optional<Reach::Networks> limited(Reach::Networks networks);

/// Nothing: an address or a prefix makes no sense.
std::optional<Reach> reach_from_wire(const wire::Families& families);
void reach_to_wire(const Reach& reach, wire::Families& out);

}  // namespace tfunnel::core
