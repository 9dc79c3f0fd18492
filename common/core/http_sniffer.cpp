#include "common/core/http_sniffer.hpp"

#include <algorithm>

#include "common/core/host_name.hpp"

namespace tfunnel::core {

namespace {

constexpr std::size_t longest_method = 24;
constexpr std::size_t longest_line = 16U << 10;

/// All registered methods are of this form; what else a first byte may be is no HTTP.
bool is_method_letter(char c) { return (c >= 'A' && c <= 'Z') || c == '-'; }

bool read_method(ByteSource& bytes) {
  for (std::size_t size = 0; size <= longest_method; ++size) {
    const auto c = static_cast<char>(bytes.next());
    if (c == ' ') return size > 0;
    if (!is_method_letter(c)) return false;
  }
  return false;
}

/// Without the line's end, which a bare LF is too (RFC 9112, 2.2); nothing if it is too long.
std::optional<std::string> read_line(ByteSource& bytes) {
  std::string line;
  for (;;) {
    const auto c = static_cast<char>(bytes.next());
    if (c == '\n') break;
    if (line.size() == longest_line) return std::nullopt;
    line.push_back(c);
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

bool is_host_field(std::string_view name) {
  constexpr std::string_view host = "host";
  return std::ranges::equal(name, host, [](char a, char b) { return (a | 0x20) == b; });
}

/// "name" or "name:port"; brackets around an IPv6 address are no part of a host name and end here as well.
std::optional<std::string> name_in(std::string_view value) {
  return host_name(value.substr(0, std::min(value.find(':'), value.size())));
}

}  // namespace

std::optional<std::string> find_http_host(ByteSource& bytes) {
  if (!read_method(bytes)) return std::nullopt;
  const auto request = read_line(bytes);
  if (!request || !(request->ends_with(" HTTP/1.1") || request->ends_with(" HTTP/1.0"))) return std::nullopt;
  while (const auto line = read_line(bytes)) {
    const auto colon = line->find(':');
    if (colon == std::string::npos) break;  // also the empty line at the end
    const std::string_view field(*line);
    if (is_host_field(field.substr(0, colon))) return name_in(trimmed(field.substr(colon + 1)));
  }
  return std::nullopt;
}

}  // namespace tfunnel::core
