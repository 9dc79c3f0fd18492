#include "client/rules/routing_tables.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <optional>

#include "client/rules/netlink.hpp"
#include "client/rules/netlink_request.hpp"
#include "common/io/errors.hpp"
#include "common/io/netlink_attributes_linux.hpp"

namespace tfunnel::client {

namespace {

constexpr int most_looks = 5;

int family_of(bool is_v4) { return is_v4 ? AF_INET : AF_INET6; }

/// One kind of thing, all of it; again from the beginning if it changes while it is told.
template <class Body, class Take>
void list(const char* what, std::uint16_t type, int family, RoutingFacts& facts, const Take& take) {
  for (int i = 0;; ++i) {
    NetlinkRequest request(what, type, 0);
    request.template body<Body>();
    *static_cast<unsigned char*>(mnl_nlmsg_get_payload(&request.header())) = static_cast<unsigned char>(family);
    auto told = facts;
    const auto error = io::NetlinkSocket(NETLINK_ROUTE).list(request.header(), [&](const nlmsghdr& message) {
      take(told, io::Attributes<Body>(message));
      return true;
    });
    if (!error) {
      facts = std::move(told);
      return;
    }
    if (error != boost::system::errc::interrupted || i == most_looks) {
      throw boost::system::system_error(error, what);
    }
  }
}

void take_rule(RoutingFacts& facts, const io::Attributes<fib_rule_hdr>& rule, bool is_v4) {
  if (rule.body().family != family_of(is_v4)) return;
  const auto preference = rule.number(FRA_PRIORITY);
  const auto table = rule.number(FRA_TABLE, rule.body().table);
  if (rule.number(FRA_PROTOCOL) == routing_protocol) {
    facts.ours.rules.push_back({is_v4, preference, rule.number(FRA_FWMARK), rule.number(FRA_FWMASK), table});
    return;
  }
  facts.preferences.insert(preference);
  if (rule.has(FRA_FWMARK)) {
    facts.marked.push_back({is_v4, preference, rule.number(FRA_FWMARK), rule.number(FRA_FWMASK, ~0U), table});
  } else {
    facts.unmarked.push_back({is_v4, preference, 0, 0, table});
  }
  facts.tables.insert(table);
}

/// Destinations of this machine's own networks.
std::optional<core::Network> own_network(const io::Attributes<rtmsg>& route, std::uint32_t table) {
  const auto& body = route.body();
  const bool by_kernel = body.rtm_protocol == RTPROT_KERNEL || body.rtm_protocol == RTPROT_RA;
  if (!by_kernel || table != RT_TABLE_MAIN || body.rtm_type != RTN_UNICAST || body.rtm_dst_len == 0) return {};
  if (route.has(RTA_GATEWAY) || route.has(RTA_VIA) || route.has(RTA_MULTIPATH)) return {};
  const auto address = core::Address::from_wire(route.bytes(RTA_DST));
  if (!address || body.rtm_dst_len > (address->is_v4() ? 32 : 128)) return {};
  return core::Network::of(*address, body.rtm_dst_len);
}

void take_route(RoutingFacts& facts, const io::Attributes<rtmsg>& route, bool is_v4) {
  if (route.body().rtm_family != family_of(is_v4) || (route.body().rtm_flags & RTM_F_CLONED) != 0) return;
  const auto table = route.number(RTA_TABLE, route.body().rtm_table);
  if (route.body().rtm_protocol == routing_protocol) {
    facts.ours.routes.push_back({is_v4, table, route.number(RTA_PRIORITY), route.number(RTA_OIF)});
    return;
  }
  facts.tables.insert(table);
  const auto network = own_network(route, table);
  if (network) (is_v4 ? facts.own_networks.v4 : facts.own_networks.v6).push_back(*network);
}

bool is_bridge(const io::Attributes<ifinfomsg>& card) {
  const auto kind = card.nested(IFLA_LINKINFO, IFLA_INFO_KIND);
  return kind.substr(0, kind.find('\0')) == "bridge";
}

bool takes_ipv6() {
  std::string disabled;
  std::ifstream("/proc/sys/net/ipv6/conf/lo/disable_ipv6") >> disabled;
  return disabled == "0";
}

void describe(NetlinkRequest& request, const RoutingRule& rule) {
  auto& body = request.body<fib_rule_hdr>();
  body.family = static_cast<std::uint8_t>(family_of(rule.is_v4));
  body.action = rule.table != 0 ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE;
  body.table = RT_TABLE_UNSPEC;
  request.add(FRA_PRIORITY, rule.preference);
  request.add(FRA_FWMARK, rule.mark);
  request.add(FRA_FWMASK, rule.mask);
  if (rule.table != 0) request.add(FRA_TABLE, rule.table);
  request.add(FRA_PROTOCOL, std::span(&routing_protocol, 1));
}

void describe(NetlinkRequest& request, const LocalRoute& route) {
  auto& body = request.body<rtmsg>();
  body.rtm_family = static_cast<std::uint8_t>(family_of(route.is_v4));
  body.rtm_table = RT_TABLE_UNSPEC;
  body.rtm_protocol = routing_protocol;
  body.rtm_scope = route.is_v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_LOCAL;
  request.add(RTA_TABLE, route.table);
  request.add(RTA_OIF, route.device);
  request.add(RTA_PRIORITY, route.metric);
}

/// The kernel's answer.
template <class T>
error_code change(const char* what, std::uint16_t type, std::uint16_t flags, const T& one) {
  NetlinkRequest request(what, type, flags);
  describe(request, one);
  return io::NetlinkSocket(NETLINK_ROUTE).ask(request.header());
}

constexpr std::uint16_t create = NLM_F_CREATE | NLM_F_EXCL;

}  // namespace

RoutingFacts look_at_routing() {
  RoutingFacts facts;
  facts.has_ipv6 = takes_ipv6();
  for (const bool is_v4 : {true, false}) {
    list<fib_rule_hdr>("the routing rules", RTM_GETRULE, family_of(is_v4), facts,
                       [is_v4](RoutingFacts& told, const auto& rule) { take_rule(told, rule, is_v4); });
    list<rtmsg>("the routes", RTM_GETROUTE, family_of(is_v4), facts,
                [is_v4](RoutingFacts& told, const auto& route) { take_route(told, route, is_v4); });
  }
  list<ifinfomsg>("the network cards", RTM_GETLINK, AF_UNSPEC, facts, [](RoutingFacts& told, const auto& card) {
    const auto name = card.bytes(IFLA_IFNAME);
    told.cards.push_back({static_cast<std::uint32_t>(card.body().ifi_index), std::string(name.data(), name.size() - 1),
                          (card.body().ifi_flags & IFF_UP) != 0, is_bridge(card)});
  });
  return facts;
}

std::string card_to(const core::Address& to, const core::Address& from) {
  NetlinkRequest request("a route", RTM_GETROUTE, 0);
  request.header().nlmsg_flags = NLM_F_REQUEST;  // an acknowledgement would be a second answer
  request.body<rtmsg>().rtm_family = static_cast<std::uint8_t>(family_of(to.is_v4()));
  const auto add = [&](std::uint16_t type, const core::Address& address) {
    const auto bytes = address.wire();
    request.add(type, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  };
  add(RTA_DST, to);
  add(RTA_SRC, from);
  std::uint32_t device = 0;
  const auto error = io::NetlinkSocket(NETLINK_ROUTE).ask(request.header(), [&](const nlmsghdr& answer) {
    device = io::Attributes<rtmsg>(answer).number(RTA_OIF);
  });
  char name[IF_NAMESIZE] = "";
  return !error && ::if_indextoname(device, name) != nullptr ? name : "";
}

// Routes first: a rule whose table is empty would make packets fall through to the next one.
void add(const Routing& routing) {
  for (const auto& route : routing.routes) {
    const auto error = change("a local route", RTM_NEWROUTE, create, route);
    const bool matters = error && error.value() != EEXIST && route.device == loopback_device;
    if (matters) throw boost::system::system_error(error, "a local route");
  }
  for (const auto& rule : routing.rules) {
    const auto error = change("a routing rule", RTM_NEWRULE, create, rule);
    if (error && error.value() != EEXIST) throw boost::system::system_error(error, "a routing rule");
  }
}

void remove(const Routing& routing) {
  for (const auto& rule : routing.rules) change("a routing rule", RTM_DELRULE, 0, rule);
  for (const auto& route : routing.routes) change("a local route", RTM_DELROUTE, 0, route);
}

}  // namespace tfunnel::client
