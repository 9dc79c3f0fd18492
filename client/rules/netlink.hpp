// rtnetlink(7), as far as a namespace needs it in which all that programs send is delivered locally.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/core/network.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

class NetlinkRequest;

/// The loopback device is the first of every network namespace (LOOPBACK_IFINDEX in the kernel).
inline constexpr int loopback_device = 1;

/// A connection to the kernel's routing of this network namespace. Devices are meant by their numbers, as
/// if_nametoindex(3) gives them. All functions throw boost::system::system_error.
class Netlink {
 public:
  Netlink();
  /// With a socket of open_route_socket().
  explicit Netlink(io::Descriptor socket) : socket_(std::move(socket)) {}

  void set_loopback_up();
  /// Two network cards (veth(4)), each the other's cable, both up. What is sent by the one arrives at the other, which
  /// asks nobody for addresses and answers no such question (IFF_NOARP).
  void add_pair(const std::string& name, const std::string& other);
  /// With it goes the other one of a pair.
  void remove(int device);
  /// None: there is no device of this name.
  std::optional<int> find(const std::string& name);

  /// `address` has 4 or 16 bytes, in network order; its prefix is the whole address. Usable at once (no DAD).
  void add_address(int device, std::span<const std::uint8_t> address);
  /// A route without a router in the main table. Packets that it leads get `source`.
  void add_route(const core::Network& to, int device, std::span<const std::uint8_t> source);
  /// REQUIRES: it was added.
  void remove_route(const core::Network& to, int device, std::span<const std::uint8_t> source);
  /// Packets with the mark are the kernel's own, also those of sockets that are bound to `device`: `fwmark MARK lookup
  /// TABLE`, and in that table `local default`. All others with the mark have no route. `family`: AF_INET or AF_INET6.
  void deliver_locally(int family, std::uint32_t mark, std::uint32_t table, int device);

 private:
  void send(NetlinkRequest& request);
  void change_route(std::uint16_t type, std::uint16_t flags, const core::Network& to, int device,
                    std::span<const std::uint8_t> source);
  void add_rule(int family, std::uint32_t priority, std::uint32_t mark, std::uint8_t action, std::uint32_t table);
  void add_local_default(int family, std::uint32_t table, int device, std::uint32_t metric);

  io::NetlinkSocket socket_;
};

/// For a Netlink in another process: it stays in the network namespace in which it was opened. Throws
/// boost::system::system_error.
io::Descriptor open_route_socket();

}  // namespace tfunnel::client
