// IP packets built by hand: answers that must come from somebody else's address. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/reason.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::client {

using Packet = std::vector<std::uint8_t>;

/// A UDP datagram as an IP packet (RFC 768, 791, 8200). REQUIRES: both addresses of one family,
/// payload <= core::largest_datagram(). The IPv4 header checksum is left to the kernel, which writes it for raw
/// sockets.
Packet udp_packet(const core::Endpoint& source, const core::Endpoint& destination, core::ByteView payload);

/// The ICMP or ICMPv6 message (RFC 792, 4443) that tells the sender of a datagram from `source` to
/// `destination` why it was not delivered. It comes from the destination itself: no router between
/// is known.
Packet unreachable_packet(const core::Endpoint& source, const core::Endpoint& destination, core::Reason reason);

/// The same packet in fragments of at most `mtu` bytes (RFC 791, 3.2; RFC 8200, 4.5), for links that
/// cannot take it whole: the kernel does not fragment packets of a raw socket. `id` tells fragments of
/// different packets apart. REQUIRES: mtu >= 1280 and a packet from udp_packet().
std::vector<Packet> fragments(const Packet& packet, std::size_t mtu, std::uint32_t id);

/// The destination of the UDP datagram that the ICMPv6 message says was too big for the way there (RFC 4443, 3.2).
/// `message` begins with the ICMPv6 header and may be anything; nothing, if it says something else or is cut short.
std::optional<core::Endpoint> too_big_for(core::ByteView message);

}  // namespace tfunnel::client
