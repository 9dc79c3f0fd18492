// The proxy as a program.
#pragma once

#include "common/app/options.hpp"
#include "proxy/http_proxy_options.hpp"

namespace tfunnel::proxy {

struct ProxyOptions {
  double connect_timeout = 60;  // seconds
  HttpProxyOptions http_proxy;
};

app::po::options_description proxy_description(ProxyOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const ProxyOptions& options);

/// Serves the link on standard input and output until it ends.
io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options);

}  // namespace tfunnel::proxy
