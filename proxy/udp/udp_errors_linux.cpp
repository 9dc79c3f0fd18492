// ip(7), ipv6(7): IP_RECVERR keeps each ICMP error with the address it was about.
#include <ctime>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

#include "common/io/errors.hpp"
#include "proxy/udp/udp_errors.hpp"

namespace tfunnel::proxy {

namespace {

// In a row, before others get their turn in the event loop; what is left makes the socket readable again.
constexpr int most_errors_in_a_row = 64;

bool is_extended_error(const cmsghdr& header) {
  return (header.cmsg_level == SOL_IP && header.cmsg_type == IP_RECVERR) ||
         (header.cmsg_level == SOL_IPV6 && header.cmsg_type == IPV6_RECVERR);
}

std::optional<sock_extended_err> extended_error(msghdr& message) {
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (!is_extended_error(*header)) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(header), sizeof error);
    return error;
  }
  return std::nullopt;
}

/// One entry of the error queue; nothing when it is empty. An entry that says nothing of a peer's
/// reachability (a path MTU, say) comes with the reason `unspecified`.
std::optional<UdpError> read_one(int socket) {
  udp::endpoint peer;
  std::array<char, 512> control{};
  std::array<char, 1> payload{};
  iovec piece{payload.data(), payload.size()};
  msghdr message{};
  message.msg_name = peer.data();
  message.msg_namelen = static_cast<socklen_t>(peer.capacity());
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  const auto error = extended_error(message);
  if (!error || message.msg_namelen == 0) return UdpError{{}, core::Reason::unspecified};
  peer.resize(message.msg_namelen);
  const error_code code(static_cast<int>(error->ee_errno), boost::system::system_category());
  return UdpError{io::from_asio(peer), io::reason_of(code)};
}

}  // namespace

void keep_udp_errors(udp::socket& socket) {
  const int on = 1;
  const bool v4 = socket.local_endpoint().protocol() == udp::v4();
  ::setsockopt(socket.native_handle(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof on);
}

std::vector<UdpError> read_udp_errors(udp::socket& socket) {
  std::vector<UdpError> errors;
  for (int i = 0; i < most_errors_in_a_row; ++i) {
    const auto error = read_one(socket.native_handle());
    if (!error) break;
    if (error->reason != core::Reason::unspecified) errors.push_back(*error);
  }
  return errors;
}

}  // namespace tfunnel::proxy
