// The text of an access rule. A text that is not understood for certain is refused: a rule that means something else
// than its author thought is worse than none.
#include <stdexcept>

#include "common/core/number.hpp"
#include "proxy/access/access_rules.hpp"

namespace tfunnel::proxy {

namespace {

[[noreturn]] void fail(const std::string& what) { throw std::invalid_argument(what); }

/// A decimal number without sign that fills all of `text`.
std::optional<unsigned> number(std::string_view text, unsigned least, unsigned most) {
  const auto value = core::parse_all<unsigned>(text);
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

AccessRule::Ports port_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash), 1, 65535);
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1), 1, 65535);
  if (!first || !last || *last < *first) fail("'" + std::string(text) + "' is no port, and no range of ports");
  return {static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::vector<AccessRule::Ports> port_list(std::string_view text) {
  std::vector<AccessRule::Ports> ports;
  for (;;) {
    const auto comma = text.find(',');
    ports.push_back(port_range(text.substr(0, comma)));
    if (comma == std::string_view::npos) return ports;
    text.remove_prefix(comma + 1);
  }
}

core::Address masked(const core::Address& address, unsigned bits) {
  auto bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    if (i * 8 >= bits) {
      bytes[i] = 0;
    } else if (bits - i * 8 < 8) {
      bytes[i] &= static_cast<std::uint8_t>(0xff00U >> (bits - i * 8));
    }
  }
  return core::Address(bytes);
}

Network parse_network(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = core::Address::parse(text.substr(0, slash));
  if (!address) fail("'" + text.substr(0, slash) + "' is no IP address (names are not possible here)");
  // A mapped address may be written either way: its prefix length then counts from a different start.
  const bool dotted = text.find(':') == std::string::npos;
  const unsigned offset = dotted ? 96 : 0;
  unsigned bits = 128;
  if (slash != std::string::npos) {
    const auto length = number(std::string_view(text).substr(slash + 1), 0, 128 - offset);
    if (!length || (address->is_v4() && *length + offset < 96)) fail("'" + text + "' has no valid prefix length");
    bits = *length + offset;
  }
  const auto first = masked(*address, bits);
  if (first != *address) {
    fail("'" + text + "' has bits beyond its prefix; is " + first.text() + text.substr(slash) + " meant?");
  }
  return {first, bits};
}

/// Where the network ends and the ports begin.
struct Parts {
  std::string network;
  std::optional<std::string> ports;
};

Parts split(const std::string& text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string::npos) fail("the bracket is not closed");
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') fail("after the bracket comes :PORTS, and the prefix length goes inside");
    return {text.substr(1, close - 1), rest.empty() ? std::nullopt : std::optional(rest.substr(1))};
  }
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {text, std::nullopt};
  const bool more = text.find(':', colon + 1) != std::string::npos;
  if (!more) return {text.substr(0, colon), text.substr(colon + 1)};
  const auto slash = text.find('/');
  if (slash != std::string::npos && text.find(':', slash) != std::string::npos) {
    fail("an IPv6 network with ports is written [NETWORK]:PORTS");
  }
  return {text, std::nullopt};
}

}  // namespace

AccessRule parse_rule(bool allow, const std::string& text) {
  const auto parts = split(text);
  AccessRule rule;
  rule.allow = allow;
  rule.text = text;
  if (parts.network != "*") rule.network = parse_network(parts.network);
  if (parts.ports) rule.ports = port_list(*parts.ports);
  return rule;
}

}  // namespace tfunnel::proxy
