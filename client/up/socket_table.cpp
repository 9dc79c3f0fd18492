#include "client/up/socket_table.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "common/core/number.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

/// Words of 32 bits, each as this machine has it in memory; behind the colon the port.
std::optional<core::Endpoint> endpoint_in(std::string_view field) {
  const auto colon = field.find(':');
  const auto hex = field.substr(0, colon);
  if (colon == std::string_view::npos || (hex.size() != 8 && hex.size() != 32)) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 8) {
    const auto word = core::parse_all<std::uint32_t>(hex.substr(at, 8), 16);
    if (!word) return std::nullopt;
    bytes.append(reinterpret_cast<const char*>(&*word), sizeof *word);
  }
  const auto address = core::Address::from_wire(bytes);
  const auto port = core::parse_all<std::uint16_t>(field.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return core::Endpoint{*address, *port};
}

std::optional<SocketEntry> entry_in(const std::vector<std::string>& fields) {
  enum Column { local = 1, peer, state, user = 7, inode = 9 };
  if (fields.size() <= inode) return std::nullopt;
  const auto from = endpoint_in(fields[local]);
  const auto to = endpoint_in(fields[peer]);
  const auto told_state = core::parse_all<std::uint8_t>(fields[state], 16);
  const auto told_user = core::parse_all<std::uint32_t>(fields[user], 10);
  const auto told_inode = core::parse_all<std::uint64_t>(fields[inode], 10);
  if (!from || !to || !told_state || !told_user || !told_inode) return std::nullopt;
  return SocketEntry{*from, *to, *told_state, *told_user, *told_inode};
}

}  // namespace

std::vector<SocketEntry> sockets_in(std::string_view table) {
  std::vector<SocketEntry> entries;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (const auto entry = entry_in(fields)) entries.push_back(*entry);
  }
  return entries;
}

std::vector<SocketEntry> all_sockets(bool is_tcp) {
  std::vector<SocketEntry> all;
  for (const auto* family : {"", "6"}) {
    const auto path = std::string("/proc/self/net/") + (is_tcp ? "tcp" : "udp") + family;
    std::ranges::copy(sockets_in(io::file_contents(path)), std::back_inserter(all));
  }
  return all;
}

std::set<std::uint64_t> sockets_of(const fs::path& process) {
  static constexpr std::string_view begin = "socket:[";
  std::set<std::uint64_t> inodes;
  std::error_code ended;
  for (fs::directory_iterator at(process / "fd", ended), end; !ended && at != end; at.increment(ended)) {
    std::error_code closed;
    const auto target = fs::read_symlink(at->path(), closed).string();
    if (closed || !target.starts_with(begin)) continue;
    const auto inode = core::parse_all<std::uint64_t>(
        std::string_view(target).substr(begin.size(), target.size() - begin.size() - 1), 10);
    if (inode) inodes.insert(*inode);
  }
  return inodes;
}

}  // namespace tfunnel::client
