// Where an upstream proxy is, and with what credentials: from a URL such as http://user:password@proxy:3128.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/auth/credentials.hpp"

namespace tfunnel::proxy {

struct ProxyUrl {
  bool tls = false;
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;
  std::optional<Credentials> credentials;
  std::string password_file = {};  // where the password came from, and another may appear; may be empty

  /// "http://proxy:3128": never with credentials, so it may be logged.
  [[nodiscard]] std::string text() const;
};

/// Reads an http:// or https:// URL (RFC 3986); without a scheme it is http://, as curl has it. Default
/// ports are 80 and 443; a path is ignored. `origin` names where the text came from, for the message.
/// Throws app::UsageError, whose message does not contain the credentials.
ProxyUrl parse_proxy_url(std::string_view text, const std::string& origin);

/// "%40" becomes "@"; nothing if a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

/// "host:port", with brackets round an IPv6 address.
std::string host_and_port(const std::string& host, std::uint16_t port);

}  // namespace tfunnel::proxy
