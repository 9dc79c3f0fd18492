// rtnetlink(7), as far as a namespace with nothing but a loopback device needs it.
#pragma once

#include <cstdint>
#include <span>

#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

/// A connection to the kernel's routing of this network namespace. All functions throw boost::system::system_error.
class Netlink {
 public:
  Netlink();

  void set_loopback_up();
  /// `address` has 4 or 16 bytes, in network order; its prefix is the whole address. Usable at once (no DAD).
  void add_loopback_address(std::span<const std::uint8_t> address);
  /// A default route to the loopback device in the main table. Packets to anywhere get `source`.
  void add_default_route(std::span<const std::uint8_t> source);
  /// Packets with the mark are the kernel's own: `fwmark MARK lookup TABLE`, and in that table `local default dev lo`.
  /// `family`: AF_INET or AF_INET6.
  void deliver_locally(int family, std::uint32_t mark, std::uint32_t table);

 private:
  class Request;
  void send(Request& request);

  io::NetlinkSocket socket_;
};

}  // namespace tfunnel::client
