#include "proxy/access/no_proxy.hpp"

#include <algorithm>

#include "common/core/host_name.hpp"
#include "common/core/number.hpp"
#include "common/core/text.hpp"

namespace tfunnel::proxy {

namespace {

constexpr std::size_t mapped_bits = 96;

std::optional<unsigned> number(std::string_view text, unsigned most) {
  const auto value = core::parse_all<unsigned>(text);
  return value && *value <= most ? value : std::nullopt;
}

/// A name's last dot only says that it is complete.
std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

bool same_prefix(const core::Address& left, const core::Address& right, std::size_t bits) {
  const auto whole = static_cast<std::ptrdiff_t>(bits / 8);
  const auto& a = left.bytes();
  const auto& b = right.bytes();
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto at = static_cast<std::size_t>(whole);
  return (a[at] ^ b[at]) >> (8 - bits % 8) == 0;
}

}  // namespace

// The text is an address, with a /PREFIX if it is a network; brackets are gone.
bool NoProxy::parse_network(std::string_view text, Entry& entry) {
  const auto slash = std::min(text.find('/'), text.size());
  const auto address = core::Address::parse(std::string(text.substr(0, slash)));
  if (!address) return false;
  entry.network = *address;
  if (slash == text.size()) return true;
  const auto bits = number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!bits) return false;
  entry.prefix = *bits + (address->is_v4() ? mapped_bits : 0);
  return true;
}

std::optional<NoProxy::Entry> NoProxy::parse(std::string_view text) {
  Entry entry;
  // Without brackets this may be IPv6, whose colons start no port.
  if (parse_network(text, entry)) return entry;
  const auto bracket = text.find(']');
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const auto port = number(text.substr(colon + 1), 65'535);
    if (!port) return std::nullopt;
    entry.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, colon);
  }
  if (text.starts_with('[')) {
    if (bracket == std::string_view::npos) return std::nullopt;
    const auto bare = std::string(text.substr(1, bracket - 1)) + std::string(text.substr(bracket + 1));
    return parse_network(bare, entry) ? std::optional(entry) : std::nullopt;
  }
  if (parse_network(text, entry)) return entry;
  if (text.starts_with("*.")) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text != "*" && !core::is_host_name(text)) return std::nullopt;
  entry.name = core::lower(without_root(text));
  return entry;
}

std::vector<std::string> NoProxy::add(std::string_view list) {
  constexpr std::string_view dividers = ", \t";
  std::vector<std::string> bad;
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(dividers), list.size());
    const auto text = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (text.empty()) continue;
    if (auto entry = parse(text)) {
      entries_.push_back(std::move(*entry));
    } else {
      bad.emplace_back(text);
    }
  }
  return bad;
}

bool NoProxy::matches(std::string_view name, const core::Endpoint& destination) const {
  const auto wanted = core::lower(without_root(name));
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (entry.port && *entry.port != destination.port) return false;
    if (entry.name == "*") return true;
    if (!entry.name.empty()) return is_at_or_below(wanted, entry.name);
    return same_prefix(entry.network, destination.address, entry.prefix);
  });
}

bool NoProxy::matches_any_port(std::string_view name) const {
  const auto wanted = core::lower(without_root(name));
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return !entry.port && (entry.name == "*" || (!entry.name.empty() && is_at_or_below(wanted, entry.name)));
  });
}

}  // namespace tfunnel::proxy
