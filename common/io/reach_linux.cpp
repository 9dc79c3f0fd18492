#include "common/io/reach_linux.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "common/io/netlink_attributes_linux.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::io {

namespace {

// A host that is a router for the internet has a million; a host with this many reaches everything.
constexpr std::size_t most_routes = 4096;
constexpr int most_looks = 3;

bool is_everything(const core::Network& network) { return network.prefix() == 0; }

/// Of no use to anybody on another host.
bool stays_here(const core::Network& network) {
  static const std::array<core::Network, 4> ours{
      core::Network::of(*core::Address::parse("127.0.0.0"), 8), core::Network::of(*core::Address::parse("::1"), 128),
      core::Network::of(*core::Address::parse("fe80::"), 10), core::Network::of(*core::Address::parse("ff00::"), 8)};
  return std::ranges::any_of(ours, [&](const auto& one) { return network.within(one); });
}

/// A route that refuses a network counts as a route: it says so with an error of its own, which is left to that host.
bool counts(const rtmsg& route) {
  const bool refuses =
      route.rtm_type == RTN_UNREACHABLE || route.rtm_type == RTN_PROHIBIT || route.rtm_type == RTN_BLACKHOLE;
  return route.rtm_type == RTN_UNICAST || route.rtm_type == RTN_LOCAL || (refuses && route.rtm_dst_len > 0);
}

/// Where a route leads to; nothing: nowhere, or it is of another family.
std::optional<core::Network> network_of(const nlmsghdr& message, int family) {
  if (message.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto& route = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  if (route.rtm_family != family || !counts(route)) return std::nullopt;
  std::array<char, 16> none{};
  const std::size_t size = family == AF_INET ? 4 : 16;
  std::string_view bytes(none.data(), size);
  const auto destination = Attributes<rtmsg>(message).bytes(RTA_DST);
  if (destination.size() == size) bytes = destination;
  const auto address = core::Address::from_wire(bytes);
  if (!address || address->is_v4() != (family == AF_INET) || route.rtm_dst_len > size * 8) return std::nullopt;
  return core::Network::of(*address, route.rtm_dst_len);
}

std::optional<core::Reach::Networks> networks_of(int family) {
  alignas(nlmsghdr) std::array<char, 128> buffer{};
  auto& request = *mnl_nlmsg_put_header(buffer.data());
  request.nlmsg_type = RTM_GETROUTE;
  static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(&request, sizeof(rtmsg)))->rtm_family =
      static_cast<unsigned char>(family);
  core::Reach::Networks found;
  error_code error = asio::error::interrupted;
  // The routes have changed while they were told.
  for (int i = 0; i < most_looks && error == asio::error::interrupted; ++i) {
    found.clear();
    error = NetlinkSocket(NETLINK_ROUTE).list(request, [&](const nlmsghdr& message) {
      const auto network = network_of(message, family);
      if (network && !stays_here(*network)) found.push_back(*network);
      return found.empty() || (!is_everything(found.back()) && found.size() < most_routes);
    });
  }
  if (error || found.size() == most_routes) return std::nullopt;
  return core::limited(std::move(found));
}

}  // namespace

core::Reach routed_networks() { return {networks_of(AF_INET), networks_of(AF_INET6)}; }

}  // namespace tfunnel::io
