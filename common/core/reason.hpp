// Why a flow or a datagram failed, in words that both ends share.
#pragma once

#include <cstdint>
#include <string_view>

namespace tfunnel::core {

/// The values are those of wire::Reason; a static_assert in reason.cpp ties the two together.
enum class Reason : std::uint8_t {
  unspecified = 0,
  refused = 1,
  host_unreachable = 2,
  network_unreachable = 3,
  timed_out = 4,
  peer_reset = 5,
  denied = 6,
  upstream_refused = 7,
  resource_limit = 8,
  cancelled = 9,
};

/// For log lines: "connection refused", "timed out", ...
std::string_view name(Reason reason);

/// A number from the link; one that we do not know (a newer peer) is `unspecified`.
Reason reason_from_wire(int value);

}  // namespace tfunnel::core
