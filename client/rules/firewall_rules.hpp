// The packet filter inside the namespace of `tfunnel run`.
#pragma once

#include <cstdint>
#include <string>

namespace tfunnel::client {

/// nft(8) input: a table that sends all TCP and UDP but the namespace's own to the capture port, and refuses
/// everything else at once.
struct FirewallTerms {
  std::uint16_t capture_port;
  std::uint32_t own_mark;      // the fwmark of what the client sends into the namespace
  std::uint32_t capture_mark;  // the one that the routing sends to the loopback device
  const char* far_side;        // an interface that nothing is sent by
  bool ipv6;
};
std::string firewall_rules(const FirewallTerms& terms);

}  // namespace tfunnel::client
