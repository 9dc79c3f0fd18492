#include "common/core/address.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace tfunnel::core {

namespace {
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

Address Address::v4(const V4Bytes& bytes) {
  Bytes all{};
  std::ranges::copy(mapped_prefix, all.begin());
  std::ranges::copy(bytes, all.begin() + mapped_prefix.size());
  return Address(all);
}

std::optional<Address> Address::from_wire(std::string_view bytes) {
  if (bytes.size() == 4) {
    V4Bytes four{};
    std::ranges::copy(bytes, four.begin());
    return v4(four);
  }
  if (bytes.size() != 16) return std::nullopt;
  Bytes all{};
  std::ranges::copy(bytes, all.begin());
  return Address(all);
}

std::optional<Address> Address::parse(const std::string& text) {
  V4Bytes four{};
  if (::inet_pton(AF_INET, text.c_str(), four.data()) == 1) return v4(four);
  Bytes all{};
  if (::inet_pton(AF_INET6, text.c_str(), all.data()) == 1) return Address(all);
  return std::nullopt;
}

bool Address::is_v4() const { return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin()); }

bool Address::is_loopback() const { return is_v4() ? v4_bytes()[0] == 127 : *this == *parse("::1"); }

Address::V4Bytes Address::v4_bytes() const { return {bytes_[12], bytes_[13], bytes_[14], bytes_[15]}; }

std::string_view Address::wire() const {
  const auto* data = reinterpret_cast<const char*>(bytes_.data());
  return is_v4() ? std::string_view(data + 12, 4) : std::string_view(data, 16);
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const bool four = is_v4();
  ::inet_ntop(four ? AF_INET : AF_INET6, four ? bytes_.data() + 12 : bytes_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::string Endpoint::text() const {
  const auto port_text = ":" + std::to_string(port);
  return address.is_v4() ? address.text() + port_text : "[" + address.text() + "]" + port_text;
}

}  // namespace tfunnel::core
