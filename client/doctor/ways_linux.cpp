#include "client/doctor/ways_linux.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>

#include "client/rules/netlink_request.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

std::string card_in(const nlmsghdr& answer) {
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&answer));
  for (const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&answer, sizeof(rtmsg)));
       mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
    std::array<char, IF_NAMESIZE> name{};
    if (mnl_attr_get_type(at) == RTA_OIF && ::if_indextoname(mnl_attr_get_u32(at), name.data()) != nullptr) {
      return name.data();
    }
  }
  return "";
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
    const auto& route = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&answer));
    way.is_local = route.rtm_type == RTN_LOCAL;
    way.is_there = way.is_local || route.rtm_type == RTN_UNICAST;
    way.card = card_in(answer);
  });
  return error ? Way() : way;
}

}  // namespace tfunnel::client
