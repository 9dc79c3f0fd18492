// Which destinations the upstream proxy is not for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/address.hpp"

namespace tfunnel::proxy {

/// A list as in the environment variable no_proxy, read as curl does, and more. Entries are divided by
/// commas or spaces:
///   *                 everything
///   example.com       the name itself and all below it; a leading "." or "*." changes nothing
///   192.0.2.1         an address, IPv6 with or without brackets
///   192.0.2.0/24      a network
/// Each may end with :PORT (an IPv6 address or network then needs the brackets: [2001:db8::]/32:443), and
/// then holds for that port only.
class NoProxy {
 public:
  /// Adds the entries of `list`; returns those that make no sense, which are left out.
  std::vector<std::string> add(std::string_view list);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// `name` is the destination's name, empty if it is not known: then no name matches.
  [[nodiscard]] bool matches(std::string_view name, const core::Endpoint& destination) const;
  /// Does the list match `name` on every port?
  [[nodiscard]] bool matches_any_port(std::string_view name) const;
  /// True if the list may match datagrams, which have no name.
  [[nodiscard]] bool matches(const core::Endpoint& destination) const { return matches({}, destination); }

 private:
  struct Entry {
    std::string name;  // lower case, without leading dot; "*" matches all; empty: a network
    core::Address network;
    std::size_t prefix = 128;  // bits, counted from the 128 of the mapped form
    std::optional<std::uint16_t> port;
  };

  static std::optional<Entry> parse(std::string_view text);
  static bool parse_network(std::string_view text, Entry& entry);

  std::vector<Entry> entries_;
};

}  // namespace tfunnel::proxy
