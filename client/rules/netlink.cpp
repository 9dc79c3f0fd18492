#include "client/rules/netlink.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include "client/rules/netlink_request.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

// The most that an Ethernet device takes, and what the loopback device has, but for a byte: segments and datagrams are
// as large as they would be there.
constexpr std::uint32_t largest_mtu = 65535;

// Rules are asked in this order: after 0, the kernel's own addresses, and before 32766, the main table.
constexpr std::uint32_t local_priority = 100;
constexpr std::uint32_t unreachable_priority = 101;
// Any that is no other route's: routes that differ by it stand side by side.
constexpr std::uint32_t second_metric = 2048;

std::uint8_t family_of(std::span<const std::uint8_t> address) { return address.size() == 4 ? AF_INET : AF_INET6; }

}  // namespace

Netlink::Netlink() : socket_(NETLINK_ROUTE) {}

void Netlink::send(NetlinkRequest& request) {
  const auto error = socket_.ask(request.header());
  if (error) throw boost::system::system_error(error, request.what());
}

void Netlink::set_loopback_up() {
  NetlinkRequest request("the loopback device", RTM_NEWLINK, 0);
  auto& link = request.body<ifinfomsg>();
  link.ifi_index = loopback_device;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  send(request);
}

// What is described inside gets the lower number, and so is the first in lists; it cannot be up before both are there.
// The kernel would give each a queue for every processor.
void Netlink::add_pair(const std::string& name, const std::string& other) {
  NetlinkRequest request("a network card", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  const auto describe = [&request](const std::string& own_name, unsigned flags) {
    auto& link = request.body<ifinfomsg>();
    link.ifi_flags = flags;
    link.ifi_change = flags;
    request.add(IFLA_IFNAME, own_name);
    request.add(IFLA_MTU, largest_mtu);
    request.add(IFLA_NUM_TX_QUEUES, 1);
    request.add(IFLA_NUM_RX_QUEUES, 1);
  };
  describe(other, IFF_UP | IFF_NOARP);
  request.nest(IFLA_LINKINFO, [&] {
    request.add(IFLA_INFO_KIND, std::string("veth"));
    request.nest(IFLA_INFO_DATA, [&] { request.nest(VETH_INFO_PEER, [&] { describe(name, 0); }); });
  });
  send(request);

  NetlinkRequest up("a network card", RTM_NEWLINK, 0);
  auto& link = up.body<ifinfomsg>();
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  up.add(IFLA_IFNAME, name);
  send(up);
}

void Netlink::remove(int device) {
  NetlinkRequest request("a network card", RTM_DELLINK, 0);
  request.body<ifinfomsg>().ifi_index = device;
  send(request);
}

std::optional<int> Netlink::find(const std::string& name) {
  NetlinkRequest request("a network card", RTM_GETLINK, 0);
  request.header().nlmsg_flags = NLM_F_REQUEST;  // an acknowledgement would be a second answer
  request.body<ifinfomsg>();
  request.add(IFLA_IFNAME, name);
  std::optional<int> found;
  const auto error = socket_.ask(request.header(), [&found](const nlmsghdr& answer) {
    found = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&answer))->ifi_index;
  });
  if (error && error.value() != ENODEV) throw boost::system::system_error(error, request.what());
  return found;
}

void Netlink::add_address(int device, std::span<const std::uint8_t> address) {
  NetlinkRequest request("an address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto& body = request.body<ifaddrmsg>();
  body.ifa_family = family_of(address);
  body.ifa_prefixlen = static_cast<std::uint8_t>(address.size() * 8);
  body.ifa_flags = IFA_F_NODAD;
  body.ifa_scope = RT_SCOPE_UNIVERSE;
  body.ifa_index = static_cast<unsigned>(device);
  request.add(IFA_LOCAL, address);
  request.add(IFA_ADDRESS, address);
  send(request);
}

void Netlink::add_route(const core::Network& to, int device, std::span<const std::uint8_t> source) {
  change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, to, device, source);
}

void Netlink::remove_route(const core::Network& to, int device, std::span<const std::uint8_t> source) {
  change_route(RTM_DELROUTE, 0, to, device, source);
}

void Netlink::change_route(std::uint16_t type, std::uint16_t flags, const core::Network& to, int device,
                           std::span<const std::uint8_t> source) {
  NetlinkRequest request("a route", type, flags);
  auto& route = request.body<rtmsg>();
  route.rtm_family = family_of(source);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = route.rtm_family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  route.rtm_dst_len = static_cast<std::uint8_t>(to.prefix());
  const auto address = to.first.wire();
  if (to.prefix() > 0) request.add(RTA_DST, {reinterpret_cast<const std::uint8_t*>(address.data()), address.size()});
  request.add(RTA_OIF, static_cast<std::uint32_t>(device));
  request.add(RTA_PREFSRC, source);
  send(request);
}

// A socket that is bound to a device follows routes of that device only. `local` ones lead into the kernel all the
// same.
void Netlink::deliver_locally(int family, std::uint32_t mark, std::uint32_t table, int device) {
  add_rule(family, unreachable_priority, mark, FR_ACT_UNREACHABLE, 0);
  add_rule(family, local_priority, mark, FR_ACT_TO_TBL, table);
  add_local_default(family, table, loopback_device, 0);
  if (device != loopback_device) add_local_default(family, table, device, second_metric);
}

void Netlink::add_rule(int family, std::uint32_t priority, std::uint32_t mark, std::uint8_t action,
                       std::uint32_t table) {
  NetlinkRequest request("a routing rule", RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  auto& rule = request.body<fib_rule_hdr>();
  rule.family = static_cast<std::uint8_t>(family);
  rule.action = action;
  rule.table = RT_TABLE_UNSPEC;
  request.add(FRA_PRIORITY, priority);
  request.add(FRA_FWMARK, mark);
  if (table != 0) request.add(FRA_TABLE, table);
  send(request);
}

void Netlink::add_local_default(int family, std::uint32_t table, int device, std::uint32_t metric) {
  NetlinkRequest request("a local route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  auto& route = request.body<rtmsg>();
  route.rtm_family = static_cast<std::uint8_t>(family);
  route.rtm_table = RT_TABLE_UNSPEC;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  request.add(RTA_TABLE, table);
  request.add(RTA_OIF, static_cast<std::uint32_t>(device));
  if (metric != 0) request.add(RTA_PRIORITY, metric);
  send(request);
}

io::Descriptor open_route_socket() {
  io::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (socket.is_open() && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  throw boost::system::system_error(io::last_error(), "a socket for routes");
}

}  // namespace tfunnel::client
