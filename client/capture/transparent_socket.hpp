// Sockets that accept traffic for somebody else: TPROXY's other half.
#pragma once

#include <cstdint>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

enum class Family { v4, v6 };

/// A listening socket for captured connections on `port` of all addresses of one family, non-blocking. The local
/// address of an accepted connection is its original destination. Several programs may share the port.
/// Throws boost::system::system_error; closed if the system lacks the family.
io::Descriptor listen_transparent(Family family, std::uint16_t port, std::uint32_t mark);

/// A UDP socket for captured datagrams, which tells io::DatagramReader each one's original destination.
io::Descriptor bind_transparent(Family family, std::uint16_t port, std::uint32_t mark);

/// A socket for packets with their IP header. Needs CAP_NET_RAW.
io::Descriptor open_raw(Family family, std::uint32_t mark);

/// A socket that hears all ICMPv6 messages "packet too big" that come to this host. Needs CAP_NET_RAW. Closed if the
/// system lacks IPv6.
io::Descriptor open_too_big();

}  // namespace tfunnel::client
