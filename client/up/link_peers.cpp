#include "client/up/link_peers.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value{};
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

/// Words of 32 bits, each as this machine has it in memory; behind the colon the port.
std::optional<core::Endpoint> endpoint_in(std::string_view field) {
  const auto colon = field.find(':');
  const auto hex = field.substr(0, colon);
  if (colon == std::string_view::npos || (hex.size() != 8 && hex.size() != 32)) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 8) {
    const auto word = number<std::uint32_t>(hex.substr(at, 8), 16);
    if (!word) return std::nullopt;
    bytes.append(reinterpret_cast<const char*>(&*word), sizeof *word);
  }
  const auto address = core::Address::from_wire(bytes);
  const auto port = number<std::uint16_t>(field.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return core::Endpoint{*address, *port};
}

bool is_somebody(const core::Endpoint& peer) {
  const auto& address = peer.address;
  if (peer.port == 0) return false;
  if (address == core::Address() || address == *core::Address::parse("::1")) return false;
  return !address.is_v4() || (address.v4_bytes()[0] != 127 && address.v4_bytes() != core::Address::V4Bytes{});
}

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Behind the name in parentheses, which may contain anything: the state, the parent, the process group.
std::optional<pid_t> group_of(const fs::path& process) {
  const auto stat = contents(process / "stat");
  std::istringstream rest(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string state;
  pid_t parent = 0;
  pid_t group = 0;
  if (!(rest >> state >> parent >> group)) return std::nullopt;
  return group;
}

void add_sockets(const fs::path& process, std::set<std::uint64_t>& inodes) {
  static constexpr std::string_view begin = "socket:[";
  std::error_code ended;
  for (fs::directory_iterator at(process / "fd", ended), end; !ended && at != end; at.increment(ended)) {
    std::error_code closed;
    const auto target = fs::read_symlink(at->path(), closed).string();
    if (closed || !target.starts_with(begin)) continue;
    const auto inode =
        number<std::uint64_t>(std::string_view(target).substr(begin.size(), target.size() - begin.size() - 1), 10);
    if (inode) inodes.insert(*inode);
  }
}

}  // namespace

std::set<LinkPeer> peers_in(std::string_view table, bool is_tcp, const std::set<std::uint64_t>& inodes) {
  constexpr std::size_t peer_column = 2;
  constexpr std::size_t inode_column = 9;
  std::set<LinkPeer> peers;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (fields.size() <= inode_column) continue;
    const auto inode = number<std::uint64_t>(fields[inode_column], 10);
    if (!inode || !inodes.contains(*inode)) continue;
    const auto peer = endpoint_in(fields[peer_column]);
    if (peer && is_somebody(*peer)) peers.insert({is_tcp, *peer});
  }
  return peers;
}

std::set<LinkPeer> peers_of(std::span<const std::atomic<pid_t>> groups) {
  std::set<std::uint64_t> inodes;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    if (!number<pid_t>(at->path().filename().string(), 10)) continue;
    const auto group = group_of(at->path());
    const bool is_of_link =
        group && *group != 0 && std::ranges::any_of(groups, [&](const auto& one) { return one.load() == *group; });
    if (is_of_link) add_sockets(at->path(), inodes);
  }
  std::set<LinkPeer> peers;
  for (const auto* table : {"tcp", "tcp6", "udp", "udp6"}) {
    peers.merge(peers_in(contents(fs::path("/proc/self/net") / table), table[0] == 't', inodes));
  }
  return peers;
}

}  // namespace tfunnel::client
