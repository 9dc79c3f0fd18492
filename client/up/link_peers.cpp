#include "client/up/link_peers.hpp"

#include <algorithm>

#include "client/process/process_stat.hpp"
#include "client/up/socket_table.hpp"

namespace tfunnel::client {

namespace {

bool is_somebody(const core::Endpoint& peer) {
  const auto& address = peer.address;
  if (peer.port == 0) return false;
  if (address == core::Address() || address.is_loopback()) return false;
  return !address.is_v4() || address.v4_bytes() != core::Address::V4Bytes{};
}

}  // namespace

std::set<LinkPeer> peers_in(std::span<const SocketEntry> sockets, bool is_tcp, const std::set<std::uint64_t>& inodes) {
  std::set<LinkPeer> peers;
  for (const auto& socket : sockets) {
    if (inodes.contains(socket.inode) && is_somebody(socket.peer)) peers.insert({is_tcp, socket.peer});
  }
  return peers;
}

std::set<std::uint64_t> sockets_of(std::span<const std::atomic<pid_t>> groups) {
  std::set<std::uint64_t> inodes;
  for_each_process([&](pid_t, const std::filesystem::path& process) {
    const auto stat = process_stat(process);
    const bool is_of_link = stat && stat->group != 0 &&
                            std::ranges::any_of(groups, [&](const auto& one) { return one.load() == stat->group; });
    if (is_of_link) inodes.merge(sockets_of(process));
  });
  return inodes;
}

std::set<LinkPeer> peers_of(std::span<const std::atomic<pid_t>> groups) {
  const auto inodes = sockets_of(groups);
  auto peers = peers_in(all_sockets(true), true, inodes);
  peers.merge(peers_in(all_sockets(false), false, inodes));
  return peers;
}

}  // namespace tfunnel::client
