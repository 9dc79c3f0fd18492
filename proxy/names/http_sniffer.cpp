#include "proxy/names/http_sniffer.hpp"

#include <algorithm>
#include <optional>

namespace tfunnel::core {

namespace {

constexpr std::size_t longest_method = 24;
constexpr std::size_t longest_line = 16U << 10;

/// All registered methods are of this form; any other first byte is no HTTP.
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

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

bool is_host_field(std::string_view name) {
  constexpr std::string_view host = "host";
  return std::ranges::equal(name, host, [](char a, char b) { return (a | 0x20) == b; });
}

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Of "name", "name:port", "192.0.2.1" or "[2001:db8::1]:port".
Finding read_host(std::string_view value) {
  const auto host_end = value.starts_with('[') ? value.find(']') : 0;
  if (host_end == std::string_view::npos) return {};
  const auto colon = std::min(value.find(':', host_end), value.size());
  if (!is_number(value.substr(std::min(colon + 1, value.size())))) return {};
  return finding_of(value.substr(0, colon));
}

/// Is `line`, the part behind the method, for the server itself? In requests to a proxy the target is a URL or, of
/// CONNECT, an authority.
bool is_for_the_server(std::string_view line) {
  const bool is_http = line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
  return is_http && (line.starts_with('/') || line.starts_with("* "));
}

}  // namespace

Finding find_http_host(ByteSource& bytes) {
  if (!read_method(bytes)) return {};
  const auto request = read_line(bytes);
  if (!request || !is_for_the_server(*request)) return {};
  std::optional<Finding> host;
  for (;;) {
    const auto line = read_line(bytes);
    if (!line) return {};
    if (line->empty()) return host.value_or(Finding());
    const auto colon = line->find(':');
    if (colon == std::string::npos || colon == 0 || is_space(line->front())) return {};
    const std::string_view field(*line);
    if (!is_host_field(field.substr(0, colon))) continue;
    auto found = read_host(trimmed(field.substr(colon + 1)));
    if (host && *host != found) return {};
    host = std::move(found);
  }
}

}  // namespace tfunnel::core
