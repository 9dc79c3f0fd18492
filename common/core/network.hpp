// Ranges of IP addresses.
#pragma once

#include "common/core/address.hpp"

namespace tfunnel::core {

/// A range of addresses of one family.
struct Network {
  Address first;      // all bits beyond the prefix are 0
  unsigned bits = 0;  // of the 16-byte form: an IPv4 /8 is 104

  /// The one of `prefix` bits, in its own family's count, that `address` is in. REQUIRES: prefix is 32 at most for
  /// IPv4, 128 for IPv6.
  static Network of(const Address& address, unsigned prefix);

  [[nodiscard]] bool contains(const Address& address) const;
  /// Is every address of this network in `other` as well?
  [[nodiscard]] bool within(const Network& other) const;
  /// How its family counts them: an IPv4 /8 is 8.
  [[nodiscard]] unsigned prefix() const { return first.is_v4() ? bits - 96 : bits; }

  auto operator<=>(const Network&) const = default;
};

}  // namespace tfunnel::core
