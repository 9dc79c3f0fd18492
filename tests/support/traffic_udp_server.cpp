#include "traffic_udp_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>
#include <system_error>
#include <vector>

namespace traffic {
namespace {

constexpr std::size_t batch = 32;
constexpr std::size_t max_datagram = 65536;

// Buffers for recvmmsg, shared by all sockets since there is one thread.
struct receive_batch {
  std::vector<std::uint8_t> space = std::vector<std::uint8_t>(batch * max_datagram);
  std::array<mmsghdr, batch> messages{};
  std::array<iovec, batch> parts{};
  std::array<endpoint, batch> peers{};
  std::array<std::array<char, 128>, batch> controls{};

  void prepare() {
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i] = {&space[i * max_datagram], max_datagram};
      msghdr& header = messages[i].msg_hdr;
      header = {};
      header.msg_name = peers[i].get();
      header.msg_namelen = sizeof(sockaddr_storage);
      header.msg_iov = &parts[i];
      header.msg_iovlen = 1;
      header.msg_control = controls[i].data();
      header.msg_controllen = controls[i].size();
    }
  }
};

class udp_socket : public event_target {
 public:
  udp_socket(udp_state& state, unique_fd fd) : state_(state), fd_(std::move(fd)) {}
  bool on_events(std::uint32_t events) override;

 private:
  void handle(msghdr& message, const_bytes data);
  void obey(msghdr& message, const_bytes data);
  void reply_from(const msghdr& message, const_bytes rest);
  void reply(msghdr& message, const_bytes data);

  udp_state& state_;
  unique_fd fd_;
};

bool udp_socket::on_events(std::uint32_t) {
  static receive_batch received;
  received.prepare();
  const int count = ::recvmmsg(fd_.get(), received.messages.data(), batch, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    auto& message = received.messages[std::size_t(i)];
    handle(message.msg_hdr, const_bytes(&received.space[std::size_t(i) * max_datagram], message.msg_len));
  }
  return true;
}

void udp_socket::handle(msghdr& message, const_bytes data) {
  const bool order = data.size() >= udp_head_size && std::equal(udp_magic.begin(), udp_magic.end(), data.begin());
  if (order)
    obey(message, data);
  else
    reply(message, data);
}

void udp_socket::obey(msghdr& message, const_bytes data) {
  const auto number = get_u64(&data[9]);
  const auto rest = data.subspan(udp_head_size);
  switch (udp_order(data[8])) {
    case udp_order::reply_times:
      for (std::uint64_t i = 0; i < std::min<std::uint64_t>(number, 1000); ++i) reply(message, rest);
      break;
    case udp_order::reply_from: reply_from(message, rest); break;
    case udp_order::count: {
      auto& tally = state_.counts[number];
      ++tally.count;
      tally.bytes += data.size();
      break;
    }
    case udp_order::query: {
      std::array<std::uint8_t, 24> answer{};
      std::copy(udp_magic.begin(), udp_magic.end(), answer.begin());
      put_u64(&answer[8], state_.counts[number].count);
      put_u64(&answer[16], state_.counts[number].bytes);
      reply(message, answer);
      break;
    }
  }
}

void udp_socket::reply_from(const msghdr& message, const_bytes rest) {
  const std::string text(rest.begin(), rest.end());
  auto found = state_.extra.find(text);
  if (found == state_.extra.end()) {
    std::istringstream words(text);
    std::string address;
    std::uint16_t port = 0;
    words >> address >> port;
    auto fd = bind_udp(make_endpoint(address, port));
    const int raw = fd.get();
    state_.loop.add(raw, EPOLLIN, std::make_unique<udp_socket>(state_, std::move(fd)));
    found = state_.extra.emplace(text, raw).first;
  }
  ::sendto(found->second, rest.data(), rest.size(), 0, static_cast<const sockaddr*>(message.msg_name),
           message.msg_namelen);
}

// The control data still holds the address the datagram was sent to: it becomes the source.
void udp_socket::reply(msghdr& message, const_bytes data) {
  iovec part{const_cast<std::uint8_t*>(data.data()), data.size()};
  message.msg_iov = &part;
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      reinterpret_cast<in_pktinfo*>(CMSG_DATA(c))->ipi_ifindex = 0;
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      reinterpret_cast<in6_pktinfo*>(CMSG_DATA(c))->ipi6_ifindex = 0;
  }
  ::sendmsg(fd_.get(), &message, MSG_DONTWAIT);
}

}  // namespace

void serve_udp(udp_state& state, const endpoint& where) {
  auto fd = bind_udp(where);
  const int raw = fd.get();
  const bool v6 = where.family() == AF_INET6;
  set_option(raw, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
  state.loop.add(raw, EPOLLIN, std::make_unique<udp_socket>(state, std::move(fd)));
}

}  // namespace traffic
