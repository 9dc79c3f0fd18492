#include "proxy/lookup/reach_by_addresses.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

namespace {

bool leads_beyond(const ifaddrs& entry) {
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr;
    return ntohl(address.s_addr) >> 24 != 127;
  }
  const auto& address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
  return !IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_LINKLOCAL(&address);
}

/// True also if the system does not say.
bool has_address(int family) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == family && leads_beyond(*entry)) return true;
  }
  return false;
}

/// Connecting a datagram socket sends nothing, but needs a route.
bool has_route_to(const char* address) {
  const udp::endpoint to(asio::ip::make_address(address), 53);
  asio::io_context context;
  udp::socket socket(context);
  error_code error;
  socket.open(to.protocol(), error);
  if (!error) socket.connect(to, error);
  return !error;
}

}  // namespace

core::Reach reach_by_addresses() {
  core::Reach reach;
  // Any address of the internet does: a root nameserver's.
  if (!has_address(AF_INET) && !has_route_to("198.41.0.4")) reach.v4.emplace();
  if (!has_address(AF_INET6) && !has_route_to("2001:503:ba3e::2:30")) reach.v6.emplace();
  return reach;
}

}  // namespace tfunnel::proxy
