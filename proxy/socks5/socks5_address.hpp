// Addresses and datagram headers of SOCKS5 (RFC 1928, 5 and 7) as bytes.
#pragma once

#include <optional>
#include <string>

#include "common/core/address.hpp"
#include "common/core/bytes.hpp"

namespace tfunnel::proxy {

/// An address as SOCKS5 has it: an endpoint, or a name with a port.
struct Socks5Address {
  core::Endpoint endpoint;  // only the port counts if there is a name
  std::string name;
};

// The address type byte.
constexpr char socks5_ipv4 = 1;
constexpr char socks5_name = 3;
constexpr char socks5_ipv6 = 4;

/// The bytes of an address of the type, without type and port; none for a name and for unknown types.
std::optional<std::size_t> socks5_address_size(char type);

/// Type, address and port. REQUIRES: the name has at most 255 bytes.
std::string socks5_encode(const Socks5Address& address);

struct Socks5Decoded {
  Socks5Address address;
  std::size_t size;  // of type, address and port
};
/// Reads type, address and port from the start of `bytes`; nothing if they are malformed or cut off.
std::optional<Socks5Decoded> socks5_decode(core::ByteView bytes);

/// The header before a datagram's payload on its way to the relay.
std::string socks5_datagram_header(const core::Endpoint& peer);

struct Socks5Datagram {
  core::Endpoint peer;
  core::ByteView payload;
};
/// A datagram from the relay; nothing for what is malformed, a fragment, or from a name instead of an address.
std::optional<Socks5Datagram> socks5_parse_datagram(core::ByteView bytes);

}  // namespace tfunnel::proxy
