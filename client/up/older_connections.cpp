#include "client/up/older_connections.hpp"

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>

#include "client/process/process_stat.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/up/control_groups.hpp"
#include "common/io/local_address_linux.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

using Pair = std::pair<core::Endpoint, core::Endpoint>;

constexpr std::uint16_t question_port = 53;
constexpr std::uint16_t encrypted_question_port = 853;

bool lasts(const SocketEntry& socket) {
  using enum SocketEntry::State;
  const auto is = [&](auto... states) { return ((socket.state == states) || ...); };
  return socket.peer.port != 0 && !is(syn_sent, syn_received, time_wait, closed, listening);
}

std::set<Pair> pairs_of(std::span<const SocketEntry> all) {
  std::set<Pair> pairs;
  for (const auto& socket : all) pairs.insert({socket.local, socket.peer});
  return pairs;
}

std::set<std::uint16_t> listening_ports(std::span<const SocketEntry> all) {
  std::set<std::uint16_t> ports;
  for (const auto& socket : all) {
    if (socket.state == SocketEntry::listening) ports.insert(socket.local.port);
  }
  return ports;
}

bool is_in(const BothNetworks& networks, const core::Address& address) {
  const auto& of_family = address.is_v4() ? networks.v4 : networks.v6;
  return std::ranges::any_of(of_family, [&](const core::Network& one) { return one.contains(address); });
}

bool is_in(const std::vector<PortedNetwork>& networks, const core::Endpoint& to) {
  return std::ranges::any_of(networks, [&](const PortedNetwork& one) {
    return one.network.contains(to.address) && (one.first == 0 || (one.first <= to.port && to.port <= one.last));
  });
}

// In the order of the rules.
bool would_be_captured(const core::Endpoint& to, const SystemTerms& terms) {
  if (terms.link.contains({true, to}) || terms.link.contains({true, {to.address, 0}})) return false;
  if (terms.dns.redirects() && (to.port == question_port || to.port == encrypted_question_port)) return true;
  if (is_in(terms.own_networks, to.address)) return terms.lan_denied;
  if (is_in(terms.direct, to.address) || is_in(terms.excluded, to)) return false;
  return terms.included.empty() || is_in(terms.included, to);
}

/// What the rules ask of a program.
struct Program {
  std::uint32_t group = 0;
  std::string control_group;
};

/// Behind the label of a line in /proc/PID/status, the last of four numbers: that for files.
std::uint32_t file_group(const std::filesystem::path& process) {
  std::istringstream lines(io::file_contents((process / "status").string()));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Gid:")) continue;
    std::istringstream words(line.substr(4));
    std::uint32_t number = 0;
    for (int i = 0; i < 4; ++i) words >> number;
    return number;
  }
  return 0;
}

std::string control_group(const std::filesystem::path& process) {
  std::istringstream lines(io::file_contents((process / "cgroup").string()));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

using Programs = std::unordered_multimap<std::uint64_t, Program>;  // by the sockets that they have open

Programs all_programs() {
  Programs programs;
  for_each_process([&](pid_t, const std::filesystem::path& process) {
    const auto sockets = sockets_of(process);
    if (sockets.empty()) return;
    const Program program{file_group(process), control_group(process)};
    for (const auto inode : sockets) programs.emplace(inode, program);
  });
  return programs;
}

bool is_in(const std::vector<IdRange>& ranges, std::uint32_t number) {
  return std::ranges::any_of(ranges, [=](const IdRange& one) { return one.first <= number && number <= one.last; });
}

/// Or in one below it.
bool is_in(const ControlGroup& group, const std::string& path, const std::string& mount) {
  const auto whole = mount + path;
  const auto directory = directory_of(group).string();
  return whole == directory || whole.starts_with(directory + "/");
}

bool is_sender(const SocketEntry& socket, const Selection& selection, const Programs& programs,
               const std::string& mount) {
  if (!selection.has_senders || is_in(selection.users, socket.user)) return true;
  const auto [begin, end] = programs.equal_range(socket.inode);
  return std::any_of(begin, end, [&](const auto& one) {
    const auto& program = one.second;
    return is_in(selection.groups, program.group) ||
           std::ranges::any_of(selection.control_groups,
                               [&](const auto& group) { return is_in(group, program.control_group, mount); });
  });
}

std::pair<std::uint16_t, std::uint16_t> ports_of_connections() {
  std::istringstream words(io::file_contents("/proc/sys/net/ipv4/ip_local_port_range"));
  std::pair<std::uint16_t, std::uint16_t> ports = OlderTerms().ports;
  words >> ports.first >> ports.second;
  return ports;
}

}  // namespace

std::vector<SocketEntry> older_connections(std::span<const SocketEntry> all, const OlderTerms& terms) {
  const auto pairs = pairs_of(all);
  const auto served = listening_ports(all);
  std::vector<SocketEntry> older;
  std::ranges::copy_if(all, std::back_inserter(older), [&](const SocketEntry& socket) {
    const auto port = socket.local.port;
    const bool is_asked = served.contains(port) || port < terms.ports.first || port > terms.ports.second;
    const bool is_of_link = socket.inode != 0 && terms.link.contains(socket.inode);
    return lasts(socket) && !is_asked && !is_of_link && !pairs.contains({socket.peer, socket.local}) &&
           would_be_captured(socket.peer, terms.terms) && !terms.is_local(socket.peer.address) &&
           terms.is_selected(socket);
  });
  return older;
}

OlderTerms older_terms(const SystemTerms& terms, std::set<std::uint64_t> link) {
  const auto& selection = terms.selection;
  const bool asks_programs = !selection.groups.empty() || !selection.control_groups.empty();
  const auto programs = std::make_shared<const Programs>(asks_programs ? all_programs() : Programs());
  const auto is_selected = [selection, programs, mount = control_groups_mount()](const SocketEntry& socket) {
    const auto& cards = selection.interfaces;
    return is_sender(socket, selection, *programs, mount) &&
           (cards.empty() || names_card(cards, card_to(socket.peer.address, socket.local.address)));
  };
  return {terms, std::move(link), io::is_local_address, is_selected, ports_of_connections()};
}

std::vector<Connection> find_older_connections(const OlderTerms& terms) {
  const auto older = older_connections(all_sockets(true), terms);
  const auto pairs = pairs_of(all_sockets(true));
  std::vector<Connection> connections;
  for (const auto& socket : older) {
    if (!pairs.contains({socket.peer, socket.local})) connections.push_back({socket.local, socket.peer});
  }
  return connections;
}

}  // namespace tfunnel::client
