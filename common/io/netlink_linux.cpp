#include "common/io/netlink_linux.hpp"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <array>

#include "common/io/errors.hpp"

namespace tfunnel::io {

NetlinkSocket::NetlinkSocket(int bus) : socket_(mnl_socket_open2(bus, SOCK_CLOEXEC)) {
  if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) broken_ = last_error();
}

NetlinkSocket::NetlinkSocket(Descriptor socket) : socket_(mnl_socket_fdopen(socket.get())) {
  if (socket_ == nullptr) {
    broken_ = last_error();
  } else {
    static_cast<void>(socket.release());
  }
}

NetlinkSocket::~NetlinkSocket() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
}

// An acknowledgement is an error message with error 0; mnl_cb_run() sets errno from any other.
error_code NetlinkSocket::ask(nlmsghdr& request, const Answer& answer) {
  if (broken_) return broken_;
  request.nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, &request, request.nlmsg_len) < 0) return last_error();
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  const auto size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
  if (size < 0) return last_error();
  const auto pass_on = [](const nlmsghdr* message, void* to) {
    const auto& take = *static_cast<const Answer*>(to);
    if (take) take(*message);
    return MNL_CB_OK;
  };
  auto* to = const_cast<Answer*>(&answer);  // NOLINT: C has no other way to hand it through
  const auto portid = mnl_socket_get_portid(socket_);
  const int done = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, portid, pass_on, to);
  return done < 0 ? last_error() : error_code();
}

// mnl_cb_run() returns 0 at the end of the list, and when it was told to stop.
error_code NetlinkSocket::list(nlmsghdr& request, const Take& take) {
  if (broken_) return broken_;
  request.nlmsg_seq = ++sequence_;
  request.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (mnl_socket_sendto(socket_, &request, request.nlmsg_len) < 0) return last_error();
  const auto pass_on = [](const nlmsghdr* message, void* to) {
    return (*static_cast<const Take*>(to))(*message) ? MNL_CB_OK : MNL_CB_STOP;
  };
  auto* to = const_cast<Take*>(&take);  // NOLINT: as above
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  const auto portid = mnl_socket_get_portid(socket_);
  for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
    const auto size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (size < 0) return last_error();
    more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, portid, pass_on, to);
    if (more < 0) return last_error();
  }
  return {};
}

}  // namespace tfunnel::io
