// rtnetlink(7), as far as a namespace with nothing but a loopback device needs it.
#pragma once

#include <cstdint>
#include <span>

#include "common/core/network.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

/// A connection to the kernel's routing of this network namespace. All functions throw boost::system::system_error.
class Netlink {
 public:
  Netlink();
  /// With a socket of open_route_socket().
  explicit Netlink(io::Descriptor socket) : socket_(std::move(socket)) {}

  void set_loopback_up();
  /// `address` has 4 or 16 bytes, in network order; its prefix is the whole address. Usable at once (no DAD).
  void add_loopback_address(std::span<const std::uint8_t> address);
  /// A route to the loopback device in the main table. Packets that it leads get `source`.
  void add_route(const core::Network& to, std::span<const std::uint8_t> source);
  /// REQUIRES: it was added.
  void remove_route(const core::Network& to, std::span<const std::uint8_t> source);
  /// Packets with the mark are the kernel's own: `fwmark MARK lookup TABLE`, and in that table `local default dev lo`.
  /// `family`: AF_INET or AF_INET6.
  void deliver_locally(int family, std::uint32_t mark, std::uint32_t table);

 private:
  class Request;
  void send(Request& request);
  void change_route(std::uint16_t type, std::uint16_t flags, const core::Network& to,
                    std::span<const std::uint8_t> source);

  io::NetlinkSocket socket_;
};

/// For a Netlink in another process: it stays in the network namespace in which it was opened. Throws
/// boost::system::system_error.
io::Descriptor open_route_socket();

}  // namespace tfunnel::client
