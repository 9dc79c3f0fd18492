#include "proxy/connection_takeover_linux.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "common/io/netlink_linux.hpp"

namespace tfunnel::proxy {

namespace {

constexpr __u32 any_state = 0xffffffff;

void put(const core::Address& address, __be32 (&place)[4]) {  // NOLINT: the kernel's type
  const auto bytes = address.wire();
  std::memcpy(&place, bytes.data(), bytes.size());
}

inet_diag_req_v2 request_for(const core::Endpoint& source, const core::Endpoint& destination) {
  inet_diag_req_v2 request{};
  request.sdiag_family = source.address.is_v4() ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = any_state;
  request.id.idiag_sport = htons(source.port);
  request.id.idiag_dport = htons(destination.port);
  put(source.address, request.id.idiag_src);
  put(destination.address, request.id.idiag_dst);
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

/// One exchange about the socket that `what` names.
error_code ask(io::NetlinkSocket& kernel, std::uint16_t type, std::uint16_t flags, const inet_diag_req_v2& what,
               const io::NetlinkSocket::Answer& answer = nullptr) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  auto& request = *mnl_nlmsg_put_header(buffer.data());
  request.nlmsg_type = type;
  request.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  std::memcpy(mnl_nlmsg_put_extra_header(&request, sizeof what), &what, sizeof what);
  return kernel.ask(request, answer);
}

/// A listener is found too, where there is no connection. A connection in TIME_WAIT belongs to nobody.
bool is_ours(const inet_diag_msg& found) {
  if (found.idiag_state == TCP_LISTEN) return false;
  return found.idiag_state == TCP_TIME_WAIT || found.idiag_uid == ::geteuid();
}

}  // namespace

bool end_own_connection(const core::Endpoint& source, const core::Endpoint& destination) {
  io::NetlinkSocket kernel(NETLINK_SOCK_DIAG);
  auto request = request_for(source, destination);
  std::optional<inet_diag_msg> found;
  const auto error = ask(kernel, SOCK_DIAG_BY_FAMILY, 0, request, [&found](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return;
    found = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
  });
  if (error || !found || !is_ours(*found)) return false;
  // By its cookie: this one and no other.
  request.id = found->id;
  return !ask(kernel, SOCK_DESTROY, NLM_F_ACK, request);
}

}  // namespace tfunnel::proxy
