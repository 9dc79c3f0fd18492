#include "common/core/host_name.hpp"

#include <algorithm>
#include <array>

#include "common/core/text.hpp"

namespace tfunnel::core {

namespace {

// Not <cctype>: what counts as a letter must not depend on a locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_inner(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= longest_label && std::ranges::all_of(label, is_inner) &&
         label.front() != '-' && label.back() != '-';
}

/// inet_aton(3) takes "1.2", "0x7f.1" and "2130706433" for addresses; no top-level domain looks so.
bool ends_in_number(std::string_view name) {
  const auto last = name.substr(name.rfind('.') + 1);
  return std::ranges::all_of(last, is_digit) || last.starts_with("0x");
}

/// Beside localhost, what Debian and Red Hat write into /etc/hosts.
bool is_of_the_machine_itself(std::string_view name) {
  constexpr std::array<std::string_view, 8> names{
      "localhost",  "localhost.localdomain",   "ip6-localhost", "ip6-loopback",
      "localhost4", "localhost4.localdomain4", "localhost6",    "localhost6.localdomain6"};
  return std::ranges::find(names, name) != names.end() || name.ends_with(".localhost");
}

}  // namespace

std::optional<std::string> host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > longest_host_name) return std::nullopt;
  auto name = lower(text);
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    if (!is_label(std::string_view(name).substr(at, end - at))) return std::nullopt;
    at = end + 1;
  }
  if (ends_in_number(name) || is_of_the_machine_itself(name)) return std::nullopt;
  return name;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_host_name && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_';
  });
}

}  // namespace tfunnel::core
