#include "client/doctor/ways_linux.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>

#include "client/rules/netlink_request.hpp"
#include "common/io/netlink_attributes_linux.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

std::string card_of(const io::Attributes<rtmsg>& route) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(route.number(RTA_OIF), name.data()) == nullptr ? "" : name.data();
}

}  // namespace

Way way_to(const core::Address& to, std::uint32_t mark) {
  NetlinkRequest request("a route", RTM_GETROUTE, 0);
  request.header().nlmsg_flags = NLM_F_REQUEST;  // an acknowledgement would be a second answer
  auto& body = request.body<rtmsg>();
  body.rtm_family = to.is_v4() ? AF_INET : AF_INET6;
  body.rtm_dst_len = to.is_v4() ? 32 : 128;
  const auto bytes = to.wire();
  request.add(RTA_DST, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  if (mark != 0) request.add(RTA_MARK, mark);
  Way way;
  const auto error = io::NetlinkSocket(NETLINK_ROUTE).ask(request.header(), [&](const nlmsghdr& answer) {
    const io::Attributes<rtmsg> route(answer);
    way.is_local = route.body().rtm_type == RTN_LOCAL;
    way.is_there = way.is_local || route.body().rtm_type == RTN_UNICAST;
    way.card = card_of(route);
  });
  return error ? Way() : way;
}

}  // namespace tfunnel::client
