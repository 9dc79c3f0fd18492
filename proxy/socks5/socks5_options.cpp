#include "proxy/socks5/socks5_options.hpp"

#include "common/app/option_values.hpp"
#include "common/core/address.hpp"
#include "common/core/host_name.hpp"
#include "proxy/auth/password_file.hpp"

namespace tfunnel::proxy {

namespace {

constexpr std::size_t longest = 255;  // RFC 1929, 2: the length is one byte

// Only a number is quoted: behind the colon may stand a password, if the host was forgotten.
std::uint16_t port_of(std::string_view text) {
  const auto port = app::parse_number(text, 1, 65535);
  if (port) return static_cast<std::uint16_t>(*port);
  const bool is_number = text.find_first_not_of("0123456789") == std::string_view::npos;
  throw app::UsageError(
      "--socks5: the port is 1 to 65535" +
      (is_number ? ", not " + app::in_quotes(text) : std::string("; with a user: USER[:PASSWORD]@HOST[:PORT]")));
}

bool is_host(const std::string& host, bool bracketed) {
  const auto address = core::Address::parse(host);
  return bracketed ? address && !address->is_v4() : core::is_host_name(host);
}

void take_host_and_port(Socks5Proxy& proxy, std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const auto host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) throw app::UsageError("--socks5: the bracket is not closed");
  proxy.host = text.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
  auto rest = host_end == std::string_view::npos ? std::string_view() : text.substr(host_end + (bracketed ? 1 : 0));
  if (proxy.host.empty()) throw app::UsageError("--socks5 is [USER[:PASSWORD]@]HOST[:PORT], and the host is missing");
  if (!is_host(proxy.host, bracketed)) {
    throw app::UsageError(bracketed ? "--socks5: between [ and ] is no IPv6 address"
                                    : "--socks5: this is no host name");
  }
  if (rest.empty()) return;
  if (rest[0] != ':') throw app::UsageError("--socks5: after the bracket comes :PORT");
  rest.remove_prefix(1);
  if (rest.find(':') != std::string_view::npos) {
    throw app::UsageError("--socks5: an IPv6 address is written in brackets: [ADDRESS]:PORT");
  }
  proxy.port = port_of(rest);
}

Socks5Credentials credentials_of(std::string_view text) {
  const auto colon = text.find(':');
  return {std::string(text.substr(0, colon)),
          colon == std::string_view::npos ? std::string() : std::string(text.substr(colon + 1))};
}

Socks5Proxy parse_server(std::string_view text) {
  Socks5Proxy proxy;
  for (const std::string_view scheme : {"socks5://", "socks5h://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  // A password may hold an @, a host may not.
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    proxy.credentials = credentials_of(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  take_host_and_port(proxy, text);
  return proxy;
}

}  // namespace

std::optional<Socks5Proxy> Socks5Options::proxy() const {
  if (server.empty()) {
    if (user.empty() && password_file.empty()) return std::nullopt;
    throw app::UsageError("--socks5-user and --socks5-password-file need --socks5");
  }
  auto proxy = parse_server(server);
  if (!user.empty()) proxy.credentials = {user, proxy.credentials ? proxy.credentials->password : ""};
  if (!password_file.empty()) {
    if (!proxy.credentials) throw app::UsageError("--socks5-password-file needs a user: --socks5-user");
    proxy.credentials->password = password_in(password_file, "--socks5-password-file");
    proxy.password_file = password_file;
  }
  if (proxy.credentials && (proxy.credentials->user.empty() || proxy.credentials->user.size() > longest ||
                            proxy.credentials->password.size() > longest)) {
    throw app::UsageError("--socks5: a user name has 1 to 255 bytes, a password at most 255");
  }
  return proxy;
}

app::po::options_description socks5_description(Socks5Options& options) {
  app::po::options_description description("Proxy: upstream SOCKS5 proxy");
  auto add = description.add_options();
  const auto parse = [](std::string_view text) {
    static_cast<void>(parse_server(text));
    return std::optional(std::string(text));
  };
  add("socks5", new app::ParsedValue<std::string>(options.server, parse, "a server", "[USER[:PASSWORD]@]HOST[:PORT]"),
      "go through this SOCKS5 proxy, UDP too (port 1080)");
  add("socks5-user", app::text_value(options.user, "USER"), "the user name for it");
  add("socks5-password-file", app::text_value(options.password_file, "FILE"), "its first line is the password");
  return description;
}

}  // namespace tfunnel::proxy
