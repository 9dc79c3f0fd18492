#include "client/run/netlink.hpp"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>

#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

// The loopback device is the first of every network namespace (LOOPBACK_IFINDEX in the kernel).
constexpr int loopback = 1;

std::uint8_t family_of(std::span<const std::uint8_t> address) { return address.size() == 4 ? AF_INET : AF_INET6; }

}  // namespace

/// One message under construction; it fits the buffer by far.
class Netlink::Request {
 public:
  Request(const char* what, std::uint16_t type, std::uint16_t flags)
      : what_(what), header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }

  template <class Body>
  Body& body() {
    return *static_cast<Body*>(mnl_nlmsg_put_extra_header(header_, sizeof(Body)));
  }
  void add(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void add(std::uint16_t type, std::span<const std::uint8_t> bytes) {
    mnl_attr_put(header_, type, bytes.size(), bytes.data());
  }

  nlmsghdr& header() { return *header_; }
  [[nodiscard]] const char* what() const { return what_; }

 private:
  alignas(nlmsghdr) std::array<char, 512> buffer_{};
  const char* what_;
  nlmsghdr* header_;
};

Netlink::Netlink() : socket_(NETLINK_ROUTE) {}

void Netlink::send(Request& request) {
  const auto error = socket_.ask(request.header());
  if (error) throw boost::system::system_error(error, request.what());
}

void Netlink::set_loopback_up() {
  Request request("the loopback device", RTM_NEWLINK, 0);
  auto& link = request.body<ifinfomsg>();
  link.ifi_index = loopback;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  send(request);
}

void Netlink::add_loopback_address(std::span<const std::uint8_t> address) {
  Request request("an address for the loopback device", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto& body = request.body<ifaddrmsg>();
  body.ifa_family = family_of(address);
  body.ifa_prefixlen = static_cast<std::uint8_t>(address.size() * 8);
  body.ifa_flags = IFA_F_NODAD;
  body.ifa_scope = RT_SCOPE_UNIVERSE;
  body.ifa_index = loopback;
  request.add(IFA_LOCAL, address);
  request.add(IFA_ADDRESS, address);
  send(request);
}

void Netlink::add_route(const core::Network& to, std::span<const std::uint8_t> source) {
  change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, to, source);
}

void Netlink::remove_route(const core::Network& to, std::span<const std::uint8_t> source) {
  change_route(RTM_DELROUTE, 0, to, source);
}

void Netlink::change_route(std::uint16_t type, std::uint16_t flags, const core::Network& to,
                           std::span<const std::uint8_t> source) {
  Request request("a route", type, flags);
  auto& route = request.body<rtmsg>();
  route.rtm_family = family_of(source);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = route.rtm_family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  route.rtm_dst_len = static_cast<std::uint8_t>(to.prefix());
  const auto address = to.first.wire();
  if (to.prefix() > 0) request.add(RTA_DST, {reinterpret_cast<const std::uint8_t*>(address.data()), address.size()});
  request.add(RTA_OIF, loopback);
  request.add(RTA_PREFSRC, source);
  send(request);
}

void Netlink::deliver_locally(int family, std::uint32_t mark, std::uint32_t table) {
  Request rule("a routing rule", RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  auto& body = rule.body<fib_rule_hdr>();
  body.family = static_cast<std::uint8_t>(family);
  body.action = FR_ACT_TO_TBL;
  body.table = RT_TABLE_UNSPEC;
  rule.add(FRA_FWMARK, mark);
  rule.add(FRA_TABLE, table);
  send(rule);

  Request request("a local route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto& route = request.body<rtmsg>();
  route.rtm_family = static_cast<std::uint8_t>(family);
  route.rtm_table = RT_TABLE_UNSPEC;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  request.add(RTA_TABLE, table);
  request.add(RTA_OIF, loopback);
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
