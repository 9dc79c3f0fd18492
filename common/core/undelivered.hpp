// Data that somebody has sent, and nobody has been handed yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/core/address.hpp"

namespace tfunnel::core {

struct Undelivered {
  std::uint64_t bytes = 0;
  /// Those that have such bytes, those whose end is still to be passed on, and those that are still being made for one
  /// or the other.
  std::uint64_t connections = 0;
  std::uint64_t datagrams = 0;
  /// Where most of it goes, if that is known, and how much of it does (0: all).
  std::optional<Endpoint> destination = std::nullopt;
  std::uint64_t share = 0;

  [[nodiscard]] bool none() const { return bytes == 0 && connections == 0 && datagrams == 0; }
  Undelivered& operator+=(const Undelivered& other);
  /// "1000 bytes to 192.0.2.1:80", "the end of a connection", "3 datagrams". REQUIRES: !none().
  [[nodiscard]] std::string text() const;
};

}  // namespace tfunnel::core
