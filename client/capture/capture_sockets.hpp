// All sockets that capture needs. To make them takes capabilities; to use them takes none.
#pragma once

#include <cstdint>
#include <vector>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// They belong to the network namespace in which they were made, whichever process uses them.
struct CaptureSockets {
  std::vector<std::uint16_t> ports;
  std::vector<io::Descriptor> tcp;  // listening; both families
  std::vector<io::Descriptor> udp;
  // For packets with their IP header; closed if the system lacks the family.
  io::Descriptor raw_v4;
  io::Descriptor raw_v6;
  // For ICMPv6 "packet too big"; closed as well where there is a loopback and nothing else.
  io::Descriptor too_big;
  // To change where applications find routes to (rtnetlink(7)); closed where that is nothing of ours.
  io::Descriptor routes;
};

/// Transparent sockets on each port in both families, raw ones for the answers. `mark` is the fwmark of what they
/// send, which capture rules leave alone. Throws boost::system::system_error if a port or a capability is missing.
/// A family that the system lacks is left out.
CaptureSockets open_capture_sockets(const std::vector<std::uint16_t>& ports, std::uint32_t mark);

}  // namespace tfunnel::client
