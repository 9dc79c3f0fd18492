// The kernel's tables of sockets, /proc/net/tcp and the like (proc(5)).
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>
#include <vector>

#include "common/core/address.hpp"

namespace tfunnel::client {

struct SocketEntry {
  /// As in the kernel's include/net/tcp_states.h.
  enum State : std::uint8_t { syn_sent = 2, syn_received = 3, time_wait = 6, closed = 7, listening = 10 };

  core::Endpoint local;
  core::Endpoint peer;
  std::uint8_t state = 0;
  std::uint32_t user = 0;
  std::uint64_t inode = 0;  // 0: no program has it open (any more)
};

/// All that one of the tables tells. Pure.
std::vector<SocketEntry> sockets_in(std::string_view table);

/// Of both families, of TCP or of UDP.
std::vector<SocketEntry> all_sockets(bool is_tcp);

/// The inodes of the sockets that a process has open, where we may look: `process` is its directory in /proc.
std::set<std::uint64_t> sockets_of(const std::filesystem::path& process);

}  // namespace tfunnel::client
