// Whom the links' commands are connected to.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <set>
#include <span>
#include <string_view>

#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

/// The other ends of the sockets with these inode numbers, from a table of the kernel's such as /proc/net/tcp or
/// /proc/net/udp6 (proc(5)), but for loopback and unconnected ones. Pure.
std::set<LinkPeer> peers_in(std::string_view table, bool is_tcp, const std::set<std::uint64_t>& inodes);

/// Those of all processes of these process groups (0: none), in this network namespace.
std::set<LinkPeer> peers_of(std::span<const std::atomic<pid_t>> groups);

}  // namespace tfunnel::client
