// Which destinations a shared far end lets its users reach.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/network.hpp"

namespace tfunnel::proxy {

using core::Network;

/// One --allow or --deny.
struct AccessRule {
  struct Ports {
    std::uint16_t first;
    std::uint16_t last;
  };
  bool allow = false;
  std::optional<Network> network;  // none: every address
  std::vector<Ports> ports;        // none: every port
  std::string text;                // as it was given

  [[nodiscard]] bool covers(const core::Address& address, std::uint16_t port) const;
};

/// Reads "NETWORK", "NETWORK:PORTS" or "[NETWORK]:PORTS", where NETWORK is `*`, an address or a CIDR prefix and PORTS a
/// list such as 80,443,8000-8100. An IPv6 network with ports needs the brackets. Throws std::invalid_argument, whose
/// text says what is wrong with it.
AccessRule parse_rule(bool allow, const std::string& text);

/// The rules in the order given; the first that matches a destination decides. If none does, it is allowed, or denied
/// if there is any --allow.
///
/// Loopback, link-local and cloud metadata addresses are denied before that, unless the rule that decides is an --allow
/// whose network lies inside such a range: `--allow 127.0.0.1:8080` means it, `--allow '*'` does not.
///
/// A denial of an IPv4 address also holds for the IPv6 addresses that embed it (see embedded_v4()); a permission does
/// not.
class AccessRules {
 public:
  struct Decision {
    bool allowed = true;
    std::string why;  // the rule that denies, for the log; empty if allowed
  };

  void add(AccessRule rule);

  /// `alias`: another name of the same destination, whose --deny rules hold for it too.
  [[nodiscard]] Decision decide(const core::Endpoint& destination,
                                const std::optional<core::Address>& alias = std::nullopt) const;
  /// The same for a destination that an upstream is asked for by `name`. The well-known names of metadata services
  /// stand for their addresses, whatever their case and with or without a dot at the end, and so does an address given
  /// as a name. Rules know no other names.
  [[nodiscard]] Decision decide(std::string_view name, std::uint16_t port) const;
  /// The same for what this program itself answers: it is no address of a host's, and whoever allows some destinations
  /// does not mean to do without their names. So only a --deny denies it that comes before any --allow which covers it.
  [[nodiscard]] Decision decide_own(const core::Endpoint& destination) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }

 private:
  std::vector<AccessRule> rules_;
  bool any_allow_ = false;
};

/// The IPv4 address that a tunnel or translator on the way, or the system itself, makes of an IPv6 address: of
/// IPv4-compatible and -translated ones (RFC 4291 2.5.5.1, RFC 2765 2.1), 6to4 (RFC 3056) and the NAT64 prefixes (RFC
/// 6052, RFC 8215). Mapped addresses are IPv4 here already (core::Address).
std::optional<core::Address> embedded_v4(const core::Address& address);

/// Can `address` be somebody's own on a network: not loopback, unspecified, link-local, multicast or broadcast?
bool is_ordinary_source(const core::Address& address);

}  // namespace tfunnel::proxy
