#include "client/run/descriptors.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "client/process/close_descriptors.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

// Two families, TCP and UDP and raw, on a few ports.
constexpr std::size_t most_sockets = 64;

/// Sent beside the descriptors: how many there are of each kind, in this order.
struct Counts {
  std::uint16_t port;
  std::uint8_t tcp;
  std::uint8_t udp;
  std::uint8_t raw_v4;
  std::uint8_t raw_v6;
  std::uint8_t routes;
};

struct Message {
  explicit Message(Counts& counts) : data{&counts, sizeof counts} {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  iovec data;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_sockets * sizeof(int))> control{};
  msghdr header{};
};

[[noreturn]] void fail(const char* what) { throw boost::system::system_error(io::last_error(), what); }

std::vector<int> numbers(const CaptureSockets& sockets) {
  std::vector<int> all;
  for (const auto& socket : sockets.tcp) all.push_back(socket.get());
  for (const auto& socket : sockets.udp) all.push_back(socket.get());
  if (sockets.raw_v4.is_open()) all.push_back(sockets.raw_v4.get());
  if (sockets.raw_v6.is_open()) all.push_back(sockets.raw_v6.get());
  if (sockets.routes.is_open()) all.push_back(sockets.routes.get());
  return all;
}

}  // namespace

Pipe open_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("a pair of sockets");
  return {io::Descriptor(ends[0]), io::Descriptor(ends[1])};
}

void close_all_but(std::vector<int> keep) {
  std::ranges::sort(keep);
  unsigned first = STDERR_FILENO + 1;
  for (const int number : keep) {
    if (number < static_cast<int>(first)) continue;
    close_descriptors(first, static_cast<unsigned>(number) - 1);
    first = static_cast<unsigned>(number) + 1;
  }
  close_descriptors(first);
}

void close_standard_stream(int number) {
  const io::Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.is_open()) ::dup2(null.get(), number);
}

void send_sockets(const io::Descriptor& to, const CaptureSockets& sockets) {
  const auto all = numbers(sockets);
  Counts counts{sockets.ports.at(0),
                static_cast<std::uint8_t>(sockets.tcp.size()),
                static_cast<std::uint8_t>(sockets.udp.size()),
                sockets.raw_v4.is_open(),
                sockets.raw_v6.is_open(),
                sockets.routes.is_open()};
  Message message(counts);
  message.header.msg_controllen = CMSG_SPACE(all.size() * sizeof(int));
  auto* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(all.size() * sizeof(int));
  std::memcpy(CMSG_DATA(rights), all.data(), all.size() * sizeof(int));
  // A client that has ended says itself why.
  if (::sendmsg(to.get(), &message.header, MSG_NOSIGNAL) < 0 && errno != EPIPE) fail("passing sockets to the client");
}

CaptureSockets receive_sockets(const io::Descriptor& from) {
  Counts counts{};
  Message message(counts);
  ssize_t size;
  do {
    size = ::recvmsg(from.get(), &message.header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) fail("sockets of the namespace");
  const auto* rights = size == sizeof counts ? CMSG_FIRSTHDR(&message.header) : nullptr;
  if (rights == nullptr) {
    throw boost::system::system_error(asio::error::make_error_code(asio::error::eof), "sockets of the namespace");
  }
  const auto* next = CMSG_DATA(rights);
  const auto take = [&next] {
    int number;
    std::memcpy(&number, next, sizeof number);
    next += sizeof number;
    return io::Descriptor(number);
  };
  CaptureSockets sockets;
  sockets.ports = {counts.port};
  for (int i = 0; i < counts.tcp; ++i) sockets.tcp.push_back(take());
  for (int i = 0; i < counts.udp; ++i) sockets.udp.push_back(take());
  if (counts.raw_v4 != 0) sockets.raw_v4 = take();
  if (counts.raw_v6 != 0) sockets.raw_v6 = take();
  if (counts.routes != 0) sockets.routes = take();
  return sockets;
}

}  // namespace tfunnel::client
