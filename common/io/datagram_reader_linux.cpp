// recvmmsg(2); udp(7): UDP_GRO; ip(7), ipv6(7): IP_ORIGDSTADDR.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/io/datagram_reader.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::io {

namespace {

constexpr std::size_t batch = 32;
// A datagram, or a run of them, is never larger. The unused part costs only address space.
constexpr std::size_t slot_size = 64U << 10;

/// Filled in by recvmmsg for one datagram, or for a run of them.
struct Slot {
  udp::endpoint from;
  iovec piece{};
  alignas(cmsghdr) std::array<char, 128> control{};
};

/// The kernel's notes beside the payload.
struct Remarks {
  std::optional<core::Endpoint> original;
  std::size_t segment = 0;  // size of each datagram of a run but the last; 0: a single one
};

template <class SockAddr>
core::Endpoint endpoint_in(const cmsghdr& header) {
  udp::endpoint endpoint;
  std::memcpy(endpoint.data(), CMSG_DATA(&header), sizeof(SockAddr));
  endpoint.resize(sizeof(SockAddr));
  return from_asio(endpoint);
}

Remarks remarks_of(msghdr& message) {
  Remarks remarks;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_IP && header->cmsg_type == IP_ORIGDSTADDR) {
      remarks.original = endpoint_in<sockaddr_in>(*header);
    } else if (header->cmsg_level == SOL_IPV6 && header->cmsg_type == IPV6_ORIGDSTADDR) {
      remarks.original = endpoint_in<sockaddr_in6>(*header);
    } else if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(header), sizeof segment);
      remarks.segment = static_cast<std::size_t>(std::max(segment, 0));
    }
  }
  return remarks;
}

void hand_over(Slot& slot, mmsghdr& message, const DatagramReader::Take& take) {
  slot.from.resize(message.msg_hdr.msg_namelen);
  const auto from = from_asio(slot.from);
  const auto remarks = remarks_of(message.msg_hdr);
  core::ByteView payload(static_cast<const std::uint8_t*>(slot.piece.iov_base), message.msg_len);
  while (remarks.segment > 0 && payload.size() > remarks.segment) {
    take(from, remarks.original, payload.first(remarks.segment));
    payload = payload.subspan(remarks.segment);
  }
  take(from, remarks.original, payload);
}

}  // namespace

DatagramReader::DatagramReader() : room_(batch * slot_size) {}

// The first socket with this option switches it on in the kernel, which rewrites its own code for it, on all
// processors, and the last one off. That took a millisecond a flow where flows come one after the other: so one socket
// stays.
void DatagramReader::keep_prepared() {
  if (keeper_.is_open()) return;
  keeper_ = Descriptor(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!keeper_.is_open()) keeper_ = Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  prepare(keeper_.get());
}

void DatagramReader::prepare(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_UDP, UDP_GRO, &on, sizeof on);
}

result<std::size_t> DatagramReader::read(int socket, const Take& take) {
  std::array<Slot, batch> slots;
  std::array<mmsghdr, batch> messages{};
  for (std::size_t i = 0; i < batch; ++i) {
    auto& slot = slots[i];
    auto& message = messages[i].msg_hdr;
    slot.piece = {room_.data() + i * slot_size, slot_size};
    message.msg_name = slot.from.data();
    message.msg_namelen = static_cast<socklen_t>(slot.from.capacity());
    message.msg_iov = &slot.piece;
    message.msg_iovlen = 1;
    message.msg_control = slot.control.data();
    message.msg_controllen = slot.control.size();
  }
  const int count = ::recvmmsg(socket, messages.data(), batch, MSG_DONTWAIT, nullptr);
  if (count < 0) return last_error();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) hand_over(slots[i], messages[i], take);
  return static_cast<std::size_t>(count);
}

}  // namespace tfunnel::io
