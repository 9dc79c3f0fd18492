#include "client/capture/packet.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <span>

namespace tfunnel::client {

namespace {

using core::Address;
using core::ByteView;

constexpr std::size_t ip4_header = 20;
constexpr std::size_t ip6_header = 40;
constexpr std::size_t udp_header = 8;
constexpr std::size_t icmp_header = 8;
constexpr std::size_t fragment_header = 8;
constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_fragment = 44;
constexpr std::uint8_t protocol_icmp6 = 58;
constexpr std::uint8_t hop_limit = 64;
constexpr std::uint8_t icmp6_packet_too_big = 2;

void put16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value & 0xff);
}

/// The Internet checksum's running sum (RFC 1071). An odd last byte counts as the high half of a word.
std::uint64_t add_up(ByteView bytes, std::uint64_t sum = 0) {
  while (bytes.size() >= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum += word;
    bytes = bytes.subspan(4);
  }
  std::uint32_t tail = 0;
  std::memcpy(&tail, bytes.data(), bytes.size());
  return sum + tail;
}

/// Folded and complemented, in memory order: the sum is the same in either byte order (RFC 1071, 2B).
std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void store_checksum(std::uint8_t* at, std::uint16_t checksum) { std::memcpy(at, &checksum, sizeof checksum); }

std::uint64_t pseudo_header(const Address& source, const Address& destination, std::uint8_t protocol,
                            std::size_t length) {
  std::array<std::uint8_t, 8> tail{};
  put16(tail.data() + 2, length);
  tail[7] = protocol;
  const auto from = source.wire();
  const auto to = destination.wire();
  auto sum = add_up(tail);
  sum = add_up({reinterpret_cast<const std::uint8_t*>(from.data()), from.size()}, sum);
  return add_up({reinterpret_cast<const std::uint8_t*>(to.data()), to.size()}, sum);
}

std::size_t header_size(const Address& address) { return address.is_v4() ? ip4_header : ip6_header; }

void write_ip_header(std::span<std::uint8_t> packet, const Address& source, const Address& destination,
                     std::uint8_t protocol) {
  const auto from = source.wire();
  const auto to = destination.wire();
  auto* at = packet.data();
  if (source.is_v4()) {
    at[0] = 0x45;
    put16(at + 2, packet.size());
    at[8] = hop_limit;
    at[9] = protocol;
    std::ranges::copy(from, at + 12);
    std::ranges::copy(to, at + 16);
    return;
  }
  at[0] = 0x60;
  put16(at + 4, packet.size() - ip6_header);
  at[6] = protocol;
  at[7] = hop_limit;
  std::ranges::copy(from, at + 8);
  std::ranges::copy(to, at + 24);
}

void write_udp_header(std::uint8_t* at, const core::Endpoint& source, const core::Endpoint& destination,
                      std::size_t payload) {
  put16(at, source.port);
  put16(at + 2, destination.port);
  put16(at + 4, udp_header + payload);
}

struct IcmpCode {
  std::uint8_t type;
  std::uint8_t code;
};

IcmpCode icmp4_code(core::Reason reason) {
  constexpr std::uint8_t unreachable = 3;
  switch (reason) {
    case core::Reason::network_unreachable: return {unreachable, 0};
    case core::Reason::host_unreachable:
    case core::Reason::timed_out: return {unreachable, 1};
    case core::Reason::denied: return {unreachable, 13};
    default: return {unreachable, 3};
  }
}

IcmpCode icmp6_code(core::Reason reason) {
  constexpr std::uint8_t unreachable = 1;
  switch (reason) {
    case core::Reason::network_unreachable: return {unreachable, 0};
    case core::Reason::host_unreachable:
    case core::Reason::timed_out: return {unreachable, 3};
    case core::Reason::denied: return {unreachable, 1};
    default: return {unreachable, 4};
  }
}

/// One fragment of an IPv4 packet: `offset` bytes into its payload.
Packet fragment4(const Packet& packet, std::size_t offset, std::size_t size, bool more, std::uint32_t id) {
  Packet part(packet.begin(), packet.begin() + ip4_header);
  const auto from = packet.begin() + static_cast<std::ptrdiff_t>(ip4_header + offset);
  part.insert(part.end(), from, from + static_cast<std::ptrdiff_t>(size));
  put16(part.data() + 2, part.size());
  put16(part.data() + 4, id & 0xffff);
  put16(part.data() + 6, offset / 8 | (more ? 0x2000U : 0U));
  return part;
}

Packet fragment6(const Packet& packet, std::size_t offset, std::size_t size, bool more, std::uint32_t id) {
  Packet part(packet.begin(), packet.begin() + ip6_header);
  part[6] = protocol_fragment;
  part.resize(ip6_header + fragment_header);
  auto* at = part.data() + ip6_header;
  at[0] = packet[6];
  put16(at + 2, offset | (more ? 1U : 0U));
  put16(at + 4, id >> 16);
  put16(at + 6, id & 0xffff);
  const auto from = packet.begin() + static_cast<std::ptrdiff_t>(ip6_header + offset);
  part.insert(part.end(), from, from + static_cast<std::ptrdiff_t>(size));
  put16(part.data() + 4, part.size() - ip6_header);
  return part;
}

}  // namespace

Packet udp_packet(const core::Endpoint& source, const core::Endpoint& destination, ByteView payload) {
  assert(source.address.is_v4() == destination.address.is_v4() &&
         payload.size() <= core::largest_datagram(source.address));
  const auto ip = header_size(source.address);
  Packet packet(ip + udp_header + payload.size());
  write_ip_header(packet, source.address, destination.address, protocol_udp);
  auto* udp = packet.data() + ip;
  write_udp_header(udp, source, destination, payload.size());
  std::ranges::copy(payload, udp + udp_header);
  const auto length = udp_header + payload.size();
  auto sum = pseudo_header(source.address, destination.address, protocol_udp, length);
  sum = add_up({udp, length}, sum);
  // Zero means "no checksum", so a sum of zero is sent as its other representation (RFC 768).
  const auto checksum = fold(sum);
  store_checksum(udp + 6, checksum == 0 ? 0xffff : checksum);
  return packet;
}

Packet unreachable_packet(const core::Endpoint& source, const core::Endpoint& destination, core::Reason reason) {
  const bool v4 = source.address.is_v4();
  const auto ip = header_size(source.address);
  // ICMP quotes the datagram's IP and UDP headers; its payload is gone, and nobody needs it.
  const auto quoted = ip + udp_header;
  Packet packet(ip + icmp_header + quoted);
  write_ip_header(packet, destination.address, source.address, v4 ? protocol_icmp : protocol_icmp6);
  auto* icmp = packet.data() + ip;
  const auto [type, code] = v4 ? icmp4_code(reason) : icmp6_code(reason);
  icmp[0] = type;
  icmp[1] = code;
  const std::span inner(icmp + icmp_header, quoted);
  write_ip_header(inner, source.address, destination.address, protocol_udp);
  if (v4) store_checksum(inner.data() + 10, fold(add_up(inner.first(ip4_header))));
  write_udp_header(inner.data() + ip, source, destination, 0);
  const ByteView message(icmp, icmp_header + quoted);
  const auto start = v4 ? 0 : pseudo_header(destination.address, source.address, protocol_icmp6, message.size());
  store_checksum(icmp + 2, fold(add_up(message, start)));
  return packet;
}

std::vector<Packet> fragments(const Packet& packet, std::size_t mtu, std::uint32_t id) {
  assert(mtu >= 1280);
  const bool v4 = packet[0] >> 4 == 4;
  const auto ip = v4 ? ip4_header : ip6_header;
  const auto overhead = v4 ? ip : ip + fragment_header;
  // All but the last carry a multiple of eight bytes, since that is the unit of the offset.
  const auto most = (mtu - overhead) / 8 * 8;
  std::vector<Packet> parts;
  for (std::size_t offset = 0; offset < packet.size() - ip; offset += most) {
    const auto size = std::min(most, packet.size() - ip - offset);
    const bool more = ip + offset + size < packet.size();
    parts.push_back(v4 ? fragment4(packet, offset, size, more, id) : fragment6(packet, offset, size, more, id));
  }
  return parts;
}

std::optional<core::Endpoint> too_big_for(ByteView message) {
  if (message.size() < icmp_header + ip6_header + udp_header || message[0] != icmp6_packet_too_big) return {};
  const auto quoted = message.subspan(icmp_header);
  if (quoted[0] >> 4 != 6 || quoted[6] != protocol_udp) return {};
  Address::Bytes destination;
  std::ranges::copy(quoted.subspan(24, destination.size()), destination.begin());
  const auto* port = quoted.data() + ip6_header + 2;
  return core::Endpoint{Address(destination), static_cast<std::uint16_t>(port[0] << 8 | port[1])};
}

}  // namespace tfunnel::client
