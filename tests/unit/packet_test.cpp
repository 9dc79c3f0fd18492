// Packets built by hand: every checksum and length is verified by computing it anew, as a receiver would.
#include "client/capture/packet.hpp"

#include <gtest/gtest.h>

#include "client/capture/narrow_paths.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using client::Packet;
using core::Endpoint;

std::size_t be16(const Packet& p, std::size_t at) { return static_cast<std::size_t>(p.at(at) << 8 | p.at(at + 1)); }
Packet part(const Packet& p, std::size_t from, std::size_t size = SIZE_MAX) {
  const auto end = std::min(p.size(), size == SIZE_MAX ? p.size() : from + size);
  return {p.begin() + static_cast<std::ptrdiff_t>(from), p.begin() + static_cast<std::ptrdiff_t>(end)};
}

/// RFC 1071, word by word; 0xffff over bytes that include a right checksum.
std::uint32_t sum16(const Packet& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i] << 8) : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

struct Parsed {
  bool v4;
  std::string source;
  std::string destination;
  std::uint8_t protocol;
  Packet body;
};

Parsed parse_ip(const Packet& p) {
  const bool v4 = p.at(0) >> 4 == 4;
  const auto text = [&](std::size_t at, std::size_t size) {
    const auto bytes = part(p, at, size);
    return core::Address::from_wire(std::string(bytes.begin(), bytes.end()))->text();
  };
  if (v4) {
    EXPECT_EQ(p[0], 0x45);
    EXPECT_EQ(be16(p, 2), p.size());
    return {v4, text(12, 4), text(16, 4), p[9], part(p, 20)};
  }
  EXPECT_EQ(be16(p, 4), p.size() - 40);
  return {v4, text(8, 16), text(24, 16), p[6], part(p, 40)};
}

Packet pseudo_header(const Parsed& ip, std::uint8_t protocol) {
  Packet bytes;
  for (const auto& address : {ip.source, ip.destination}) {
    append(bytes, bytes_of(core::Address::parse(address)->wire()));
  }
  const auto size = ip.body.size();
  append(bytes, Bytes{0, 0, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size), 0, 0, 0, protocol});
  return bytes;
}

void expect_udp(const Packet& packet, const Endpoint& source, const Endpoint& destination, const Bytes& payload) {
  const auto ip = parse_ip(packet);
  EXPECT_EQ(ip.protocol, 17);
  EXPECT_EQ(ip.source, source.address.text());
  EXPECT_EQ(ip.destination, destination.address.text());
  EXPECT_EQ(be16(ip.body, 0), source.port);
  EXPECT_EQ(be16(ip.body, 2), destination.port);
  EXPECT_EQ(be16(ip.body, 4), 8 + payload.size());
  EXPECT_EQ(part(ip.body, 8), payload);
  EXPECT_NE(be16(ip.body, 6), 0U) << "zero means no checksum, which IPv6 forbids";
  EXPECT_EQ(sum16(pseudo_header(ip, 17) + ip.body), 0xffffU);
}

const std::vector<std::pair<Endpoint, Endpoint>>& families() {
  static const std::vector<std::pair<Endpoint, Endpoint>> both{
      {endpoint("192.0.2.1", 53), endpoint("198.51.100.7", 40'000)},
      {endpoint("2001:db8::1", 53), endpoint("2001:db8::ffff:7", 40'000)}};
  return both;
}

TEST(Packet, UdpOfEverySizeHasRightLengthsAndChecksum) {
  Random random(9);
  for (const auto& [source, destination] : families()) {
    const auto most = core::largest_datagram(source.address);
    for (const std::size_t size : {0UL, 1UL, 2UL, 3UL, 4UL, 5UL, 511UL, 1472UL, 1473UL, 9001UL, most - 1, most}) {
      const auto payload = random.bytes(size);
      expect_udp(client::udp_packet(source, destination, payload), source, destination, payload);
    }
  }
}

TEST(Packet, ChecksumOfZeroIsSentAsItsOtherForm) {
  for (const auto& [source, destination] : families()) {
    for (int value = 0; value < 65'536; ++value) {
      const Bytes payload{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
      const auto packet = client::udp_packet(source, destination, payload);
      const auto body = parse_ip(packet).body;
      ASSERT_NE(be16(body, 6), 0U);
      if (be16(body, 6) != 0xffff) continue;
      expect_udp(packet, source, destination, payload);
      break;
    }
  }
}

/// Puts fragments together as a receiver would; checks each header.
Packet reassembled(const std::vector<Packet>& parts, std::size_t mtu, std::uint32_t id) {
  Packet body;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& p = parts[i];
    EXPECT_LE(p.size(), mtu);
    const auto ip = parse_ip(p);
    const bool last = i + 1 == parts.size();
    const auto field = ip.v4 ? be16(p, 6) : be16(ip.body, 2);
    const auto offset = ip.v4 ? (field & 0x1fff) * 8 : field & 0xfff8;
    EXPECT_EQ(offset, body.size());
    EXPECT_EQ((field & (ip.v4 ? 0x2000 : 1)) != 0, !last);
    EXPECT_EQ(field & (ip.v4 ? 0xc000 : 0x0006), 0U) << "reserved and do-not-fragment bits";
    if (ip.v4) {
      EXPECT_EQ(be16(p, 4), id & 0xffff);
    } else {
      EXPECT_EQ(ip.protocol, 44);
      EXPECT_EQ(ip.body.at(0), 17);
      EXPECT_EQ(be16(ip.body, 4) << 16 | be16(ip.body, 6), id);
    }
    append(body, part(ip.body, ip.v4 ? 0 : 8));
  }
  return body;
}

TEST(Packet, FragmentsReassembleToTheSameDatagram) {
  for (const auto& [source, destination] : families()) {
    for (const std::size_t size : {1300UL, 1473UL, 2000UL, 2944UL, core::largest_datagram(source.address)}) {
      for (const std::size_t mtu : {1280U, 1499U, 1500U, 9000U}) {
        const auto whole = client::udp_packet(source, destination, pattern(size));
        if (whole.size() <= mtu) continue;
        const auto parts = client::fragments(whole, mtu, 0xabcd'1234U);
        EXPECT_GT(parts.size(), 1U);
        EXPECT_EQ(reassembled(parts, mtu, 0xabcd'1234U), parse_ip(whole).body) << size << " by " << mtu;
      }
    }
  }
}

void expect_unreachable(const Packet& packet, const Endpoint& source, const Endpoint& destination, int type, int code) {
  const auto ip = parse_ip(packet);
  EXPECT_EQ(ip.source, destination.address.text());
  EXPECT_EQ(ip.destination, source.address.text());
  EXPECT_EQ(ip.protocol, ip.v4 ? 1 : 58);
  EXPECT_EQ(ip.body.at(0), type);
  EXPECT_EQ(ip.body.at(1), code);
  EXPECT_EQ(sum16(ip.v4 ? ip.body : pseudo_header(ip, 58) + ip.body), 0xffffU);
  const auto quoted = parse_ip(part(ip.body, 8));
  EXPECT_EQ(quoted.source, source.address.text());
  EXPECT_EQ(quoted.destination, destination.address.text());
  EXPECT_EQ(quoted.protocol, 17);
  EXPECT_EQ(be16(quoted.body, 0), source.port);
  EXPECT_EQ(be16(quoted.body, 2), destination.port);
  if (ip.v4) {
    EXPECT_EQ(sum16(part(ip.body, 8, 20)), 0xffffU) << "the quoted header's own checksum";
  }
}

TEST(Packet, UnreachableQuotesTheDatagramAndSaysWhy) {
  using core::Reason;
  const auto& [source4, destination4] = families()[0];
  const auto& [source6, destination6] = families()[1];
  const std::vector<std::tuple<Reason, int, int>> codes{{Reason::refused, 3, 4},
                                                        {Reason::host_unreachable, 1, 3},
                                                        {Reason::network_unreachable, 0, 0},
                                                        {Reason::denied, 13, 1},
                                                        {Reason::unspecified, 3, 4}};
  for (const auto& [reason, code4, code6] : codes) {
    expect_unreachable(client::unreachable_packet(source4, destination4, reason), source4, destination4, 3, code4);
    expect_unreachable(client::unreachable_packet(source6, destination6, reason), source6, destination6, 1, code6);
  }
}

/// ICMPv6 "packet too big" (RFC 4443, 3.2): type, code, checksum, MTU, and the beginning of the packet.
Packet too_big_about(const Packet& packet, std::size_t quoted) {
  Packet message{2, 0, 0, 0, 0, 0, 5, 0x78};
  append(message, part(packet, 0, quoted));
  return message;
}

TEST(Packet, TooBigTellsWhomTheDatagramWasFor) {
  const auto& [source, destination] = families()[1];
  const auto message = too_big_about(client::udp_packet(source, destination, pattern(1400)), 1232);
  EXPECT_EQ(client::too_big_for(message), destination);
}

TEST(Packet, TooBigThatIsCutShortOrAboutSomethingElseTellsNothing) {
  const auto& [source, destination] = families()[1];
  const auto datagram = client::udp_packet(source, destination, pattern(1400));
  const auto whole = too_big_about(datagram, 48);
  ASSERT_TRUE(client::too_big_for(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(client::too_big_for(part(whole, 0, size))) << size;
  for (const auto& [at, value] : std::vector<std::pair<std::size_t, std::uint8_t>>{{0, 1}, {8, 0x45}, {8 + 6, 6}}) {
    auto other = whole;
    other[at] = value;
    EXPECT_FALSE(client::too_big_for(other)) << at;
  }
}

TEST(NarrowPaths, AreForgottenAndBounded) {
  client::NarrowPaths paths;
  const core::Time start{};
  const auto address = [](std::size_t number) {
    return core::Address::v4({10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
  };
  EXPECT_TRUE(paths.empty());
  EXPECT_FALSE(paths.contains(address(1), start));
  paths.add(address(1), start);
  EXPECT_TRUE(paths.contains(address(1), start + client::NarrowPaths::memory / 2));
  EXPECT_FALSE(paths.contains(address(2), start));
  EXPECT_FALSE(paths.contains(address(1), start + client::NarrowPaths::memory));
  std::size_t held = 0;
  for (std::size_t i = 0; i < 3 * client::NarrowPaths::most; ++i) paths.add(address(i), start);
  for (std::size_t i = 0; i < 3 * client::NarrowPaths::most; ++i) held += paths.contains(address(i), start) ? 1 : 0;
  EXPECT_LE(held, client::NarrowPaths::most);
  EXPECT_TRUE(paths.contains(address(3 * client::NarrowPaths::most - 1), start));
}

}  // namespace
}  // namespace tfunnel::test
