// Whom the links' commands are connected to.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <set>
#include <span>

#include "client/rules/system_rules.hpp"
#include "client/up/socket_table.hpp"

namespace tfunnel::client {

/// The other ends of the sockets with these inode numbers, but for loopback and unconnected ones. Pure.
std::set<LinkPeer> peers_in(std::span<const SocketEntry> sockets, bool is_tcp, const std::set<std::uint64_t>& inodes);

/// The inodes of the sockets of all processes of these process groups (0: none), in this network namespace.
std::set<std::uint64_t> sockets_of(std::span<const std::atomic<pid_t>> groups);

/// Their other ends.
std::set<LinkPeer> peers_of(std::span<const std::atomic<pid_t>> groups);

}  // namespace tfunnel::client
