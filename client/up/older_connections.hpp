// TCP connections that are older than the rules which would have captured them.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <vector>

#include "client/rules/system_rules.hpp"
#include "client/up/socket_table.hpp"

namespace tfunnel::client {

/// What decides about them, as the rules decide about new ones.
struct OlderTerms {
  SystemTerms terms;
  std::set<std::uint64_t> link;  // inodes of the sockets of the link's commands
  std::function<bool(const core::Address&)> is_local;
  std::function<bool(const SocketEntry&)> is_selected;
  /// Ports that the kernel gives to those who connect. Who uses another one has most likely been asked there, by
  /// somebody outside.
  std::pair<std::uint16_t, std::uint16_t> ports{32768, 60999};
};

/// Those that somebody here began, and that would go through the tunnel if they began now. What goes through a tunnel
/// already is there twice: its other end is this machine's, too. Pure, but for the functions in `terms`.
std::vector<SocketEntry> older_connections(std::span<const SocketEntry> all, const OlderTerms& terms);

/// What the system says of `terms`, whose rules stand, and of the processes in the links' groups.
OlderTerms older_terms(const SystemTerms& terms, std::set<std::uint64_t> link);

/// Looks twice: of what begins just now the second look sees both ends. REQUIRES: the rules stand, and nobody has
/// accepted or ended a captured connection since.
std::vector<Connection> find_older_connections(const OlderTerms& terms);

}  // namespace tfunnel::client
