// Upstream HTTP proxies on the command line and in the environment.
#pragma once

#include <string>
#include <vector>

#include "common/app/options.hpp"
#include "proxy/access/no_proxy.hpp"
#include "proxy/http/proxy_environment.hpp"
#include "proxy/http/proxy_url.hpp"

namespace tfunnel::proxy {

struct HttpProxyOptions {
  std::vector<std::string> urls = {};
  bool from_env = false;
  std::string user = {};
  std::string password_file = {};
  std::vector<std::string> no_proxy = {};
  std::string authorities = {};  // a PEM file
};

/// `options` must outlive the parse.
app::po::options_description http_proxy_description(HttpProxyOptions& options);

/// Throws app::UsageError for options without that to which they belong.
void check(const HttpProxyOptions& options);

/// The options, understood.
struct HttpProxySettings {
  std::vector<ProxyUrl> proxies;  // with their credentials; none: connect directly
  NoProxy exceptions;
  std::vector<std::string> warnings;  // for the log
};

/// Also reads the password file, and what of the environment is asked for: the proxy variables with
/// --proxy-from-env, and always TFUNNEL_PROXY_USER and TFUNNEL_PROXY_PASSWORD. Throws app::UsageError.
HttpProxySettings http_proxy_settings(const HttpProxyOptions& options, const Environment& environment);

}  // namespace tfunnel::proxy
