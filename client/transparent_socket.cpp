#include "client/transparent_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/datagram_reader.hpp"
#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"

namespace tfunnel::client {

namespace {

constexpr int udp_receive_buffer = 4 << 20;
constexpr int backlog = 4096;

void set(int fd, int level, int option, int value, const char* what) {
  if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return;
  throw boost::system::system_error(io::last_error(), what);
}

template <class Protocol>
Protocol protocol_of(Family family) {
  return family == Family::v4 ? Protocol::v4() : Protocol::v6();
}

/// IP_TRANSPARENT and SO_MARK need CAP_NET_ADMIN (ip(7), socket(7)).
void make_transparent(int fd, Family family, std::uint32_t mark) {
  const bool v4 = family == Family::v4;
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  set(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (!v4) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1, "a transparent socket (CAP_NET_ADMIN)");
  set(fd, SOL_SOCKET, SO_MARK, static_cast<int>(mark), "marking packets (CAP_NET_ADMIN)");
}

template <class Socket>
bool open(Socket& socket, Family family) {
  error_code error;
  socket.open(protocol_of<typename Socket::protocol_type>(family), error);
  if (error.value() == EAFNOSUPPORT) return false;
  if (error) throw boost::system::system_error(error, "a socket");
  return true;
}

/// False: the family is compiled in but switched off (net.ipv6.conf.all.disable_ipv6).
template <class Socket>
bool bind(Socket& socket, Family family, std::uint16_t port) {
  error_code error;
  socket.bind({protocol_of<typename Socket::protocol_type>(family), port}, error);
  if (error.value() == EADDRNOTAVAIL && family == Family::v6) return false;
  if (error) throw boost::system::system_error(error, "port " + std::to_string(port));
  return true;
}

}  // namespace

std::optional<tcp::acceptor> listen_transparent(asio::io_context& context, Family family, std::uint16_t port,
                                                std::uint32_t mark) {
  tcp::acceptor acceptor(context);
  if (!open(acceptor, family)) return std::nullopt;
  make_transparent(acceptor.native_handle(), family, mark);
  if (!bind(acceptor, family, port)) return std::nullopt;
  // For the connections to inherit, which saves seven system calls for each.
  io::prepare(acceptor.native_handle());
  acceptor.listen(backlog);
  acceptor.non_blocking(true);
  return acceptor;
}

std::optional<udp::socket> bind_transparent(asio::io_context& context, Family family, std::uint16_t port,
                                            std::uint32_t mark) {
  udp::socket socket(context);
  if (!open(socket, family)) return std::nullopt;
  const int fd = socket.native_handle();
  const bool v4 = family == Family::v4;
  make_transparent(fd, family, mark);
  set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVORIGDSTADDR : IPV6_RECVORIGDSTADDR, 1, "original destinations");
  // The privileged form goes beyond net.core.rmem_max, but not inside a user namespace.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &udp_receive_buffer, sizeof udp_receive_buffer) < 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &udp_receive_buffer, sizeof udp_receive_buffer);
  }
  io::DatagramReader::prepare(fd);
  if (!bind(socket, family, port)) return std::nullopt;
  return socket;
}

bool is_local_address(const core::Address& address) {
  const udp::endpoint endpoint(io::to_asio(address), 0);
  const int fd = ::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool local = ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
  ::close(fd);
  return local;
}

}  // namespace tfunnel::client
