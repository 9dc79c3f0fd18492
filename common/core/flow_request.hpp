// The request for a flow.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/address.hpp"

namespace tfunnel::core {

enum class Transport : std::uint8_t { tcp, udp };

[[nodiscard]] constexpr const char* name(Transport transport) { return transport == Transport::tcp ? "tcp" : "udp"; }

/// The asker and the wish; `destination` has no meaning for UDP.
struct FlowRequest {
  Transport transport = Transport::tcp;
  Endpoint source;
  Endpoint destination;

  /// "tcp 192.0.2.1:1000 -> 192.0.2.2:80" or "udp 192.0.2.1:1000".
  [[nodiscard]] std::string text() const;
};

}  // namespace tfunnel::core
