#include "proxy/http/proxy_url.hpp"

#include <algorithm>

#include "common/app/option_values.hpp"
#include "common/app/options.hpp"
#include "common/core/address.hpp"
#include "common/core/host_name.hpp"
#include "common/core/text.hpp"

namespace tfunnel::proxy {

namespace {

[[noreturn]] void refuse(const std::string& origin, const std::string& why) {
  throw app::UsageError(origin + ": " + why + "; wanted: http://[USER:PASSWORD@]HOST[:PORT] or https://...");
}

Credentials parse_credentials(std::string_view text, const std::string& origin) {
  const auto colon = std::min(text.find(':'), text.size());
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password = percent_decoded(colon == text.size() ? "" : text.substr(colon + 1));
  if (!user || !password) refuse(origin, "in the credentials a % must be followed by two hexadecimal digits");
  return {*user, *password};
}

// Taken for a user's name, such a scheme would send the password without TLS.
bool has_broken_scheme(const std::string& text) {
  return text.starts_with("http:/") || text.starts_with("https:/") || text.starts_with("http/") ||
         text.starts_with("https/");
}

/// Takes the scheme off `text`; true for https.
bool take_scheme(std::string_view& text, const std::string& origin) {
  const auto end = text.find("://");
  const auto scheme = core::lower(text.substr(0, end));
  if (end == std::string_view::npos) {
    if (has_broken_scheme(scheme)) refuse(origin, "http and https are followed by ://");
    return false;
  }
  if (scheme != "http" && scheme != "https")
    refuse(origin, "an HTTP proxy's URL does not start with " + scheme + "://");
  text.remove_prefix(end + 3);
  return scheme == "https";
}

void parse_authority(std::string_view text, ProxyUrl& url, const std::string& origin) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) refuse(origin, "the ] of the IPv6 address is missing");
    url.host = text.substr(1, close - 1);
    const auto address = core::Address::parse(url.host);
    if (!address || address->is_v4()) refuse(origin, "between [ and ] is no IPv6 address");
    port = text.substr(close + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    url.host = text.substr(0, colon);
    if (!core::is_host_name(url.host))
      refuse(origin, url.host.empty() ? "the host is missing" : "this is no host name");
    port = text.substr(colon);
  }
  if (port.empty() || port == ":") return;
  const auto number = port.front() == ':' ? app::parse_port(port.substr(1)) : std::nullopt;
  if (!number) refuse(origin, "the port is no number from 1 to 65535 (an IPv6 address needs brackets)");
  url.port = *number;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = core::hex_value(text[i + 1]);
    const auto low = core::hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const auto shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return shown + ":" + std::to_string(port);
}

std::string ProxyUrl::text() const { return (tls ? "https://" : "http://") + host_and_port(host, port); }

ProxyUrl parse_proxy_url(std::string_view text, const std::string& origin) {
  ProxyUrl url;
  url.tls = take_scheme(text, origin);
  url.port = url.tls ? 443 : 80;
  // A password may contain an unencoded / or @ by mistake; the last @ is the one that counts.
  const auto at = text.rfind('@');
  if (at != std::string_view::npos) {
    url.credentials = parse_credentials(text.substr(0, at), origin);
    text.remove_prefix(at + 1);
  }
  parse_authority(text.substr(0, std::min(text.find_first_of("/?#"), text.size())), url, origin);
  return url;
}

}  // namespace tfunnel::proxy
