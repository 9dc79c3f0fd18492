// A virtual address that stands for the far host's own loopback.
#pragma once

#include <optional>
#include <string>

#include "common/core/address.hpp"

namespace tfunnel::proxy {

/// An application cannot name the far host's 127.0.0.1, for that is its own. So one address of each family, out of the
/// ranges that are set aside for benchmarks (RFC 2544, RFC 5180) and routed nowhere, is translated on the way.
struct FarLoopback {
  bool offered = false;
  core::Address v4 = core::Address::v4({198, 18, 0, 1});
  core::Address v6 = core::Address::parse("2001:2::1").value();

  [[nodiscard]] bool is_virtual(const core::Address& address) const { return address == v4 || address == v6; }
  /// 127.0.0.1 or ::1. REQUIRES: is_virtual(address).
  [[nodiscard]] static core::Address real(const core::Address& address);
  /// The address by which an application knows `address`: the virtual address for 127.0.0.1 and ::1, else itself.
  [[nodiscard]] core::Address shown(const core::Address& address) const;
};

}  // namespace tfunnel::proxy
