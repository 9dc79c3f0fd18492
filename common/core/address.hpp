// IP addresses and endpoints as plain values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tfunnel::core {

/// An IP address in one form for both families: IPv4 is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2),
/// so there is one code path. A mapped address is always treated as IPv4.
class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;
  using V4Bytes = std::array<std::uint8_t, 4>;

  /// The IPv6 unspecified address.
  constexpr Address() = default;
  constexpr explicit Address(const Bytes& bytes) : bytes_(bytes) {}
  static Address v4(const V4Bytes& bytes);

  /// From 4 or 16 bytes in network order, as they travel on the link; any other length gives nothing.
  static std::optional<Address> from_wire(std::string_view bytes);
  /// From text such as "192.0.2.1" or "2001:db8::1".
  static std::optional<Address> parse(const std::string& text);

  [[nodiscard]] bool is_v4() const;
  /// 127.0.0.0/8 or ::1 (RFC 6890): it is the same machine wherever it is said.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  /// REQUIRES: is_v4().
  [[nodiscard]] V4Bytes v4_bytes() const;
  /// 4 or 16 bytes in network order.
  [[nodiscard]] std::string_view wire() const;
  [[nodiscard]] std::string text() const;

  auto operator<=>(const Address&) const = default;

 private:
  Bytes bytes_{};
};

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  /// "192.0.2.1:80" or "[2001:db8::1]:80".
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace tfunnel::core

template <>
struct std::hash<tfunnel::core::Endpoint> {
  std::size_t operator()(const tfunnel::core::Endpoint& endpoint) const noexcept {
    const auto& bytes = endpoint.address.bytes();
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::hash<std::string_view>{}(view)*31 + endpoint.port;
  }
};
