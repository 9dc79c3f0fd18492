// Sockets that accept what was sent to somebody else: TPROXY's other half.
#pragma once

#include <optional>

#include "common/io/asio.hpp"

namespace tfunnel::client {

enum class Family { v4, v6 };

/// A listening socket for captured connections on `port` of all addresses of one family. The local
/// address of an accepted connection is its original destination. Several programs may share the port.
/// Throws boost::system::system_error; `nullopt` if the system lacks the family.
std::optional<tcp::acceptor> listen_transparent(asio::io_context& context, Family family, std::uint16_t port,
                                                std::uint32_t mark);

/// A UDP socket for captured datagrams, which tells io::DatagramReader each one's original destination.
std::optional<udp::socket> bind_transparent(asio::io_context& context, Family family, std::uint16_t port,
                                            std::uint32_t mark);

/// Is this an address of this host? Asked by binding to it.
bool is_local_address(const core::Address& address);

}  // namespace tfunnel::client
