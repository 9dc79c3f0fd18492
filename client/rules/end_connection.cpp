#include "client/rules/end_connection.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cstring>

#include "client/rules/netlink_request.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

template <class Field>
void put(Field& field, const core::Address& address) {
  const auto bytes = address.wire();
  std::memcpy(&field, bytes.data(), bytes.size());
}

}  // namespace

// A socket for both families is found by its IPv4 addresses, too.
error_code end_connection(const Connection& connection) {
  NetlinkRequest request("a connection", SOCK_DESTROY, 0);
  auto& which = request.body<inet_diag_req_v2>();
  which.sdiag_family = connection.from.address.is_v4() ? AF_INET : AF_INET6;
  which.sdiag_protocol = IPPROTO_TCP;
  which.idiag_states = ~0U;
  put(which.id.idiag_src, connection.from.address);
  put(which.id.idiag_dst, connection.to.address);
  which.id.idiag_sport = htons(connection.from.port);
  which.id.idiag_dport = htons(connection.to.port);
  which.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  which.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const auto error = io::NetlinkSocket(NETLINK_SOCK_DIAG).ask(request.header());
  return error.value() == ENOENT ? error_code() : error;
}

}  // namespace tfunnel::client
