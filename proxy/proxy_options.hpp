// The command line of the proxy.
#pragma once

#include <chrono>

#include "common/app/options.hpp"
#include "proxy/access/access_options.hpp"
#include "proxy/http/http_proxy_options.hpp"
#include "proxy/names/name_options.hpp"
#include "proxy/socks5/socks5_options.hpp"

namespace tfunnel::proxy {

struct ProxyOptions {
  core::Duration connect_timeout = std::chrono::seconds(60);
  HttpProxyOptions http_proxy;
  Socks5Options socks5;
  NameOptions names;
  AccessOptions access;
};

app::po::options_description proxy_description(ProxyOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const ProxyOptions& options);

}  // namespace tfunnel::proxy
