#include "client/run/network.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "client/rules/firewall_rules.hpp"
#include "client/rules/netlink.hpp"
#include "client/rules/nft.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

namespace {

constexpr std::uint32_t capture_mark = 1;
constexpr std::uint32_t capture_table = 100;

// 198.18.0.2 (RFC 2544) and fd00:7466::2 (RFC 4193). With a ULA getaddrinfo() prefers the IPv4 addresses of a name
// (RFC 6724), as it should: an older far end does not tell whether it has IPv6, and then connect() succeeds in any
// case.
constexpr std::array<std::uint8_t, 4> own_v4{198, 18, 0, 2};
constexpr std::array<std::uint8_t, 16> own_v6{0xfd, 0, 0x74, 0x66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

// /proc/sys may be read-only in a container; then the defaults have to do.
void set(const std::string& path, const char* value) { std::ofstream("/proc/sys/net/" + path) << value; }

bool takes_ipv6(const std::string& device) {
  std::string disabled;
  std::ifstream("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6") >> disabled;
  return disabled == "0";
}

// A link-local address leads nowhere here, and the kernel would look for its doubles, and for routers.
bool allow_ipv6() {
  if (::access("/proc/sys/net/ipv6", F_OK) != 0) return false;
  for (const auto* which : {"all", "default", "lo"}) {
    set(std::string("ipv6/conf/") + which + "/disable_ipv6", "0");
  }
  set("ipv6/conf/default/addr_gen_mode", "1");  // none
  set("ipv6/conf/default/accept_ra", "0");
  return takes_ipv6("lo");
}

/// The device for our addresses. A kernel may have no such devices, or no IPv6 on new ones: then it is the loopback
/// device.
int add_card(Netlink& netlink, NetworkSetUp& result) {
  try {
    netlink.add_pair(second_interface, far_side);
    const auto card = netlink.find(second_interface).value_or(loopback_device);
    if (!result.ipv6 || takes_ipv6(second_interface)) return card;
    netlink.remove(card);
    result.no_card = boost::system::errc::make_error_code(boost::system::errc::address_family_not_supported);
  } catch (const boost::system::system_error& error) {
    result.no_card = error.code();
  }
  return loopback_device;
}

void set_up_family(Netlink& netlink, int family, int device) {
  const auto own = own_address(family == AF_INET);
  netlink.add_address(device, own);
  netlink.add_route(core::Network::of(family == AF_INET ? core::Address::v4({}) : core::Address(), 0), device, own);
  netlink.deliver_locally(family, capture_mark, capture_table, device);
}

void set_up_firewall(const std::string& rules) {
  const auto fault = Nft().run(rules);
  if (!fault) return;
  throw app::UsageError::in_lines(
      "the kernel takes no nftables rules with TPROXY (nft_tproxy, nft_fib_inet, nft_reject_inet): " + *fault,
      io::ExitStatus::os_error);
}

}  // namespace

NetworkSetUp set_up_network() {
  // Strict reverse-path filters are inherited from the host, and have no place here.
  for (const auto* which : {"all", "default", "lo"}) set(std::string("ipv4/conf/") + which + "/rp_filter", "0");
  // Root's program has no rights over this network, and may have the low ports all the same.
  if (::geteuid() == 0) set("ipv4/ip_unprivileged_port_start", "0");
  NetworkSetUp result;
  result.ipv6 = allow_ipv6();
  Netlink netlink;
  netlink.set_loopback_up();
  const int device = add_card(netlink, result);
  set_up_family(netlink, AF_INET, device);
  if (result.ipv6) set_up_family(netlink, AF_INET6, device);
  set_up_firewall(firewall_rules({run_capture_port, run_own_mark, capture_mark, far_side, result.ipv6}));
  return result;
}

std::span<const std::uint8_t> own_address(bool is_v4) {
  return is_v4 ? std::span<const std::uint8_t>(own_v4) : std::span<const std::uint8_t>(own_v6);
}

bool is_address_of_namespace(const core::Address& address) {
  static const auto own = {*core::Address::parse("198.18.0.2"), *core::Address::parse("fd00:7466::2")};
  for (const auto& one : own) {
    if (address == one) return true;
  }
  return address.is_loopback();
}

}  // namespace tfunnel::client
