#include "client/capture/transparent_socket.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/io/asio.hpp"
#include "common/io/datagram_reader.hpp"
#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"

namespace tfunnel::client {

namespace {

constexpr int udp_receive_buffer = 4 << 20;
constexpr int backlog = 4096;

[[noreturn]] void fail(const std::string& what) { throw boost::system::system_error(io::last_error(), what); }

void set(const io::Descriptor& socket, int level, int option, int value, const char* what) {
  if (::setsockopt(socket.get(), level, option, &value, sizeof value) != 0) fail(what);
}

/// Closed if the family is absent.
io::Descriptor open(Family family, int type, int protocol, const char* what) {
  const int domain = family == Family::v4 ? AF_INET : AF_INET6;
  io::Descriptor socket(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket.is_open() && errno != EAFNOSUPPORT) fail(what);
  return socket;
}

/// IP_TRANSPARENT and SO_MARK need CAP_NET_ADMIN (ip(7), socket(7)).
void make_transparent(const io::Descriptor& socket, Family family, std::uint32_t mark) {
  const bool v4 = family == Family::v4;
  set(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  set(socket, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (!v4) set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  set(socket, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1,
      "a transparent socket (CAP_NET_ADMIN)");
  set(socket, SOL_SOCKET, SO_MARK, static_cast<int>(mark), "marking packets (CAP_NET_ADMIN)");
}

/// False: the family is compiled in but switched off (net.ipv6.conf.all.disable_ipv6).
bool bind(const io::Descriptor& socket, Family family, std::uint16_t port) {
  const udp::endpoint everywhere(family == Family::v4 ? udp::v4() : udp::v6(), port);
  if (::bind(socket.get(), everywhere.data(), static_cast<socklen_t>(everywhere.size())) == 0) return true;
  if (errno == EADDRNOTAVAIL && family == Family::v6) return false;
  fail("port " + std::to_string(port));
}

}  // namespace

io::Descriptor listen_transparent(Family family, std::uint16_t port, std::uint32_t mark) {
  auto socket = open(family, SOCK_STREAM, 0, "a socket");
  if (!socket.is_open()) return socket;
  make_transparent(socket, family, mark);
  if (!bind(socket, family, port)) return {};
  // For the connections to inherit, which saves eight system calls for each.
  io::prepare(socket.get());
  if (::listen(socket.get(), backlog) != 0) fail("port " + std::to_string(port));
  return socket;
}

io::Descriptor bind_transparent(Family family, std::uint16_t port, std::uint32_t mark) {
  auto socket = open(family, SOCK_DGRAM, 0, "a socket");
  if (!socket.is_open()) return socket;
  const bool v4 = family == Family::v4;
  make_transparent(socket, family, mark);
  set(socket, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVORIGDSTADDR : IPV6_RECVORIGDSTADDR, 1, "original destinations");
  // The privileged form goes beyond net.core.rmem_max, but not inside a user namespace.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &udp_receive_buffer, sizeof udp_receive_buffer) < 0) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &udp_receive_buffer, sizeof udp_receive_buffer);
  }
  io::DatagramReader::prepare(socket.get());
  if (!bind(socket, family, port)) return {};
  return socket;
}

// raw(7): IPPROTO_RAW implies IP_HDRINCL; for IPv6 it is asked for.
io::Descriptor open_raw(Family family, std::uint32_t mark) {
  auto socket = open(family, SOCK_RAW, IPPROTO_RAW, "a raw socket (CAP_NET_RAW)");
  if (!socket.is_open()) return socket;
  if (family == Family::v6) set(socket, IPPROTO_IPV6, IPV6_HDRINCL, 1, "IPV6_HDRINCL");
  set(socket, SOL_SOCKET, SO_MARK, static_cast<int>(mark), "marking packets (CAP_NET_ADMIN)");
  // Only ever sent from: nothing should queue up here.
  set(socket, SOL_SOCKET, SO_RCVBUF, 0, "SO_RCVBUF");
  return socket;
}

io::Descriptor open_too_big() {
  auto socket = open(Family::v6, SOCK_RAW, IPPROTO_ICMPV6, "a raw socket (CAP_NET_RAW)");
  if (!socket.is_open()) return socket;
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
  if (::setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0) fail("ICMP6_FILTER");
  return socket;
}

}  // namespace tfunnel::client
