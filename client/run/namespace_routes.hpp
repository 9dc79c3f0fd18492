// Which destinations programs inside `tfunnel run` find a route to.
#pragma once

#include <optional>

#include "client/rules/netlink.hpp"
#include "common/core/reach.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Makes connect(2) in the namespace fail at once (ENETUNREACH) where it would fail at the far end: programs then try
/// the next address of a name, and getaddrinfo(3) puts such addresses last. tfunnel's own ranges always have a route.
class NamespaceRoutes {
 public:
  /// `socket` speaks rtnetlink(7) in the namespace, and was opened there. Its user needs CAP_NET_ADMIN over it,
  /// which the owner of a user namespace has from outside. `log` must outlive it.
  NamespaceRoutes(io::Descriptor socket, const io::Log& log) : netlink_(std::move(socket)), log_(log) {}

  /// If the kernel does not take it, all destinations keep a route.
  void apply(const core::Reach& reach);

 private:
  void apply(core::Reach::Networks& present, const core::Reach::Networks& all);

  Netlink netlink_;
  const io::Log& log_;
  std::optional<int> device_;  // of all routes, once it has been asked for
  // The state that set_up_network() has left.
  core::Reach::Networks v4_{core::Network::of(core::Address::v4({}), 0)};
  core::Reach::Networks v6_{core::Network::of(core::Address(), 0)};
};

}  // namespace tfunnel::client
