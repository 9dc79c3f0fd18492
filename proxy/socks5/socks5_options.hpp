// The options that name an upstream SOCKS5 proxy.
#pragma once

#include <optional>
#include <string>

#include "common/app/options.hpp"
#include "proxy/socks5/socks5_client.hpp"

namespace tfunnel::proxy {

struct Socks5Options {
  std::string server;         // [USER[:PASSWORD]@]HOST[:PORT]; empty: none
  std::string user;           // in place of the one in `server`
  std::string password_file;  // its first line is the password

  /// The proxy that is meant, if one is. Reads the password file. Throws app::UsageError for values that make no sense,
  /// without ever quoting a password.
  [[nodiscard]] std::optional<Socks5Proxy> proxy() const;
};

/// `options` must outlive the parse.
app::po::options_description socks5_description(Socks5Options& options);

}  // namespace tfunnel::proxy
