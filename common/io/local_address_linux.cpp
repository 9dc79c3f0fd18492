#include "common/io/local_address_linux.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "common/io/netlink_linux.hpp"

namespace tfunnel::io {

namespace {

/// RTN_LOCAL and the like (rtnetlink(7)); RTN_UNSPEC if the kernel does not say.
unsigned char type_of_route_to(const core::Address& address) {
  alignas(nlmsghdr) std::array<char, 128> buffer{};
  auto& request = *mnl_nlmsg_put_header(buffer.data());
  request.nlmsg_type = RTM_GETROUTE;
  request.nlmsg_flags = NLM_F_REQUEST;
  const auto bytes = address.wire();
  auto& wanted = *static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(&request, sizeof(rtmsg)));
  wanted.rtm_family = address.is_v4() ? AF_INET : AF_INET6;
  wanted.rtm_dst_len = static_cast<unsigned char>(bytes.size() * 8);
  mnl_attr_put(&request, RTA_DST, bytes.size(), bytes.data());
  unsigned char type = RTN_UNSPEC;
  NetlinkSocket(NETLINK_ROUTE).ask(request, [&type](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    type = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message))->rtm_type;
  });
  return type;
}

}  // namespace

bool is_local_address(const core::Address& address) {
  switch (type_of_route_to(address)) {
    case RTN_LOCAL:
    case RTN_BROADCAST:
    case RTN_ANYCAST:
    case RTN_MULTICAST: return true;
    default: return false;
  }
}

}  // namespace tfunnel::io
