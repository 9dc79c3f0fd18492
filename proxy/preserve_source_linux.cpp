#include "proxy/preserve_source_linux.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/io/errors.hpp"
#include "common/io/local_address_linux.hpp"
#include "proxy/access/access_rules.hpp"
#include "proxy/connection_takeover_linux.hpp"

namespace tfunnel::proxy {

namespace {

error_code set(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0 ? error_code() : io::last_error();
}

error_code make_transparent(int socket, bool v4) {
  return v4 ? set(socket, SOL_IP, IP_TRANSPARENT) : set(socket, SOL_IPV6, IPV6_TRANSPARENT);
}

}  // namespace

app::po::options_description preserve_source_description(PreserveSourceOptions& options) {
  app::po::options_description description("Proxy: Linux, with CAP_NET_ADMIN");
  description.add_options()("preserve-source", app::po::bool_switch(&options.preserve),
                            "servers see the application's own address and port; needs rules for the way back");
  return description;
}

TransparentBinding::TransparentBinding() {
  asio::io_context context;
  udp::socket probe(context, udp::v4());
  const auto error = make_transparent(probe.native_handle(), true);
  if (!error) return;
  throw app::UsageError("--preserve-source: " + error.message() +
                            "; it needs CAP_NET_ADMIN: run as root, or setcap cap_net_admin=ep on the program",
                        io::ExitStatus::no_permission);
}

// Connections from one source to several destinations share its port, which SO_REUSEADDR permits as long as nobody
// listens there. Datagram sockets share it only with those of earlier far ends, whose link is dead
// perhaps without their knowledge: of several the kernel gives a datagram to the one that was bound last
// (net/ipv4/udp.c: a socket enters its hash chain at the head, and the first of equals is taken), which is the one of
// the living link. With SO_REUSEPORT it would choose by a hash. At an address of this host itself they share with
// nobody, whose datagrams they would take.
error_code TransparentBinding::bind(int socket, const core::Endpoint& source) {
  // A client that speaks for a loopback or broadcast address wants to be taken for somebody else.
  if (!is_ordinary_source(source.address)) return asio::error::access_denied;
  auto error = make_transparent(socket, source.address.is_v4());
  int type = 0;
  socklen_t size = sizeof type;
  ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
  const bool may_share = type == SOCK_STREAM || !io::is_local_address(source.address);
  if (!error && may_share) error = set(socket, SOL_SOCKET, SO_REUSEADDR);
  if (error) return error;
  const auto endpoint = io::to_asio<tcp>(source);
  if (::bind(socket, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return io::last_error();
  return {};
}

// Connections of this host itself are none of a far end's.
bool TransparentBinding::take_over(const core::Endpoint& source, const core::Endpoint& destination) {
  return !io::is_local_address(source.address) && end_own_connection(source, destination);
}

}  // namespace tfunnel::proxy
