#include "proxy/dns/nameservers.hpp"

#include <ares.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy {

namespace {

core::Address address_of(const ares_addr_port_node& node) {
  const bool four = node.family == AF_INET;
  const auto* bytes =
      four ? reinterpret_cast<const char*>(&node.addr.addr4) : reinterpret_cast<const char*>(&node.addr.addr6);
  return *core::Address::from_wire(std::string_view(bytes, four ? 4 : 16));
}

std::uint16_t port_of(const ares_addr_port_node& node) {
  return node.udp_port > 0 ? static_cast<std::uint16_t>(node.udp_port) : dns::port;
}

std::vector<core::Endpoint> servers_of(ares_channel channel) {
  std::vector<core::Endpoint> servers;
  ares_addr_port_node* nodes = nullptr;
  if (ares_get_servers_ports(channel, &nodes) != ARES_SUCCESS) return servers;
  for (const auto* node = nodes; node != nullptr; node = node->next)
    servers.push_back({address_of(*node), port_of(*node)});
  ares_free_data(nodes);
  return servers;
}

/// Nothing if c-ares cannot make a channel (out of memory, no such file for some systems).
std::vector<core::Endpoint> read_servers(std::string path) {
  ares_options options{};
  options.resolvconf_path = path.data();
  ares_channel channel = nullptr;
  if (ares_init_options(&channel, &options, ARES_OPT_RESOLVCONF) != ARES_SUCCESS) return {};
  auto servers = servers_of(channel);
  ares_destroy(channel);
  return servers;
}

/// Sends nothing: connect(2) of a datagram socket only looks for the way.
bool has_route(const core::Endpoint& server) {
  const auto endpoint = io::to_asio<udp>(server);
  const io::Descriptor socket(::socket(endpoint.protocol().family(), SOCK_DGRAM, 0));
  if (::connect(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return true;
  return errno != ENETUNREACH && errno != EHOSTUNREACH;
}

ResolvOptions read_options(const std::string& path) {
  auto options = parse_resolv_options(io::file_contents(path));
  if (const char* words = std::getenv("RES_OPTIONS")) options.apply(words);
  return options;
}

}  // namespace

void Nameservers::refresh() {
  const io::FileVersion now(path_);
  if (!read_ || now != version_) {
    next_ = read_servers(path_);
    options_ = read_options(path_);
    version_ = now;
    read_ = true;
  }
  if (!next_.empty() && (servers_.empty() || std::ranges::any_of(next_, has_route))) {
    servers_ = std::exchange(next_, {});
  }
}

const std::vector<core::Endpoint>& Nameservers::current() {
  refresh();
  return servers_;
}

}  // namespace tfunnel::proxy
