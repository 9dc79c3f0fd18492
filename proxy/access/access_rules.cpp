#include "proxy/access/access_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/access/metadata_names.hpp"

namespace tfunnel::proxy {

namespace {

constexpr unsigned v4_offset = 96;

/// A range that nobody means with `*`.
struct Guarded {
  Network network;
  const char* what;
};

Network network(const char* address, unsigned prefix) {
  const auto first = core::Address::parse(address).value();
  return {first, first.is_v4() ? v4_offset + prefix : prefix};
}

// Linux connects the unspecified address to the loopback. Metadata services hand out credentials of the machine; each
// cloud documents its addresses, most of them link-local.
const std::vector<Guarded>& guarded_ranges() {
  static const std::vector<Guarded> ranges{
      {network("127.0.0.0", 8), "loopback"},
      {network("0.0.0.0", 8), "loopback"},
      {network("::1", 128), "loopback"},
      {network("::", 128), "loopback"},
      {network("169.254.0.0", 16), "link-local"},
      {network("fe80::", 10), "link-local"},
      {network("fd00:ec2::", 32), "cloud metadata"},       // AWS
      {network("fd20:ce::254", 128), "cloud metadata"},    // Google
      {network("fd00:42::42", 128), "cloud metadata"},     // Scaleway
      {network("100.100.100.200", 32), "cloud metadata"},  // Alibaba
      {network("168.63.129.16", 32), "cloud metadata"},    // Azure
      {network("192.0.0.192", 32), "cloud metadata"},      // Oracle
  };
  return ranges;
}

const Guarded* guard_of(const core::Address& address) {
  const auto& ranges = guarded_ranges();
  const auto found = std::ranges::find_if(ranges, [&](const auto& range) { return range.network.contains(address); });
  return found == ranges.end() ? nullptr : &*found;
}

/// An address and all that a denial of it must also look at.
struct Forms {
  std::array<std::optional<core::Address>, 3> all;

  Forms(const core::Address& address, const std::optional<core::Address>& alias)
      : all{address, embedded_v4(address), alias} {}

  [[nodiscard]] bool denied_by(const AccessRule& rule, std::uint16_t port) const {
    return std::ranges::any_of(all, [&](const auto& form) { return form && rule.covers(*form, port); });
  }
  // An alias comes from somebody who decided to offer it: it is not guarded.
  [[nodiscard]] const Guarded* guard() const {
    const auto* guard = guard_of(*all[0]);
    return guard == nullptr && all[1] ? guard_of(*all[1]) : guard;
  }
};

bool is_explicit(const AccessRule& rule, const Guarded& guard) {
  return rule.network && rule.network->within(guard.network);
}

}  // namespace

bool AccessRule::covers(const core::Address& address, std::uint16_t port) const {
  if (network && !network->contains(address)) return false;
  return ports.empty() ||
         std::ranges::any_of(ports, [port](const auto& range) { return range.first <= port && port <= range.last; });
}

void AccessRules::add(AccessRule rule) {
  any_allow_ = any_allow_ || rule.allow;
  rules_.push_back(std::move(rule));
}

AccessRules::Decision AccessRules::decide(const core::Endpoint& destination,
                                          const std::optional<core::Address>& alias) const {
  const Forms forms(destination.address, alias);
  const auto* guard = forms.guard();
  for (const auto& rule : rules_) {
    if (!rule.allow) {
      if (forms.denied_by(rule, destination.port)) return {false, "--deny " + rule.text};
    } else if (rule.covers(destination.address, destination.port) && (guard == nullptr || is_explicit(rule, *guard))) {
      return {};
    }
  }
  if (guard != nullptr) return {false, std::string("no --allow names this ") + guard->what + " address"};
  if (any_allow_) return {false, "no --allow matches"};
  return {};
}

AccessRules::Decision AccessRules::decide_own(const core::Endpoint& destination) const {
  const auto covers = [&](const auto& rule) { return rule.covers(destination.address, destination.port); };
  const auto first = std::ranges::find_if(rules_, covers);
  if (first == rules_.end() || first->allow) return {};
  return {false, "--deny " + first->text};
}

AccessRules::Decision AccessRules::decide(std::string_view name, std::uint16_t port) const {
  for (const auto& address : addresses_of_metadata(name)) {
    auto decision = decide(core::Endpoint{address, port});
    if (!decision.allowed) return {false, std::string(name) + " is " + address.text() + ": " + decision.why};
  }
  return {};
}

std::optional<core::Address> embedded_v4(const core::Address& address) {
  struct Scheme {
    Network prefix;
    std::size_t at;  // where the four bytes are
  };
  static const std::array<Scheme, 5> schemes{{{network("::", 96), 12},
                                              {network("::ffff:0:0:0", 96), 12},
                                              {network("2002::", 16), 2},
                                              {network("64:ff9b::", 96), 12},
                                              {network("64:ff9b:1::", 48), 12}}};
  // :: and ::1 are inside the first prefix and mean themselves.
  static const auto themselves = network("::", 127);
  if (address.is_v4() || themselves.contains(address)) return std::nullopt;
  for (const auto& scheme : schemes) {
    if (!scheme.prefix.contains(address)) continue;
    core::Address::V4Bytes bytes{};
    std::copy_n(address.bytes().begin() + static_cast<std::ptrdiff_t>(scheme.at), bytes.size(), bytes.begin());
    return core::Address::v4(bytes);
  }
  return std::nullopt;
}

bool is_ordinary_source(const core::Address& address) {
  static const std::array<Network, 6> others{network("127.0.0.0", 8),    network("0.0.0.0", 8), network("::", 127),
                                             network("169.254.0.0", 16), network("fe80::", 10), network("ff00::", 8)};
  static const auto v4_multicast_and_beyond = network("224.0.0.0", 3);
  return !v4_multicast_and_beyond.contains(address) &&
         std::ranges::none_of(others, [&](const auto& range) { return range.contains(address); });
}

}  // namespace tfunnel::proxy
