#include "proxy/socks5/socks5_address.hpp"

namespace tfunnel::proxy {

namespace {
// Two reserved bytes and the fragment's number.
constexpr std::size_t datagram_prefix = 3;
}  // namespace

std::optional<std::size_t> socks5_address_size(char type) {
  if (type == socks5_ipv4) return 4;
  if (type == socks5_ipv6) return 16;
  return std::nullopt;
}

std::string socks5_encode(const Socks5Address& address) {
  std::string bytes;
  if (!address.name.empty()) {
    bytes = {socks5_name, static_cast<char>(address.name.size())};
    bytes += address.name;
  } else {
    bytes = address.endpoint.address.is_v4() ? socks5_ipv4 : socks5_ipv6;
    bytes += address.endpoint.address.wire();
  }
  const auto port = address.endpoint.port;
  return bytes + static_cast<char>(port >> 8) + static_cast<char>(port & 0xff);
}

std::optional<Socks5Decoded> socks5_decode(core::ByteView bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.empty()) return std::nullopt;
  std::size_t start = 1;
  auto size = socks5_address_size(text[0]);
  if (text[0] == socks5_name && text.size() > 1) {
    start = 2;
    size = bytes[1];
  }
  if (!size || text.size() < start + *size + 2) return std::nullopt;
  Socks5Decoded decoded{{}, start + *size + 2};
  const auto address = text.substr(start, *size);
  if (text[0] == socks5_name) {
    decoded.address.name = address;
  } else {
    decoded.address.endpoint.address = *core::Address::from_wire(address);
  }
  const auto port = bytes.subspan(start + *size, 2);
  decoded.address.endpoint.port = static_cast<std::uint16_t>(port[0] << 8 | port[1]);
  return decoded;
}

std::string socks5_datagram_header(const core::Endpoint& peer) {
  return std::string(datagram_prefix, '\0') + socks5_encode({peer, {}});
}

// Nobody sends fragments, and to put them together would let a stranger fill memory.
std::optional<Socks5Datagram> socks5_parse_datagram(core::ByteView bytes) {
  if (bytes.size() < datagram_prefix || bytes[2] != 0) return std::nullopt;
  const auto decoded = socks5_decode(bytes.subspan(datagram_prefix));
  if (!decoded || !decoded->address.name.empty()) return std::nullopt;
  return Socks5Datagram{decoded->address.endpoint, bytes.subspan(datagram_prefix + decoded->size)};
}

}  // namespace tfunnel::proxy
