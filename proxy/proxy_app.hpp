// The proxy as a program.
#pragma once

#include "common/app/options.hpp"
#include "proxy/access_options.hpp"
#include "proxy/socks5_options.hpp"
#include "proxy/source_binding.hpp"

namespace tfunnel::proxy {

struct ProxyOptions {
  double connect_timeout = 60;  // seconds
  AccessOptions access;
  Socks5Options socks5;
};

app::po::options_description proxy_description(ProxyOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const ProxyOptions& options);

/// Serves the link on standard input and output until it ends. `binding`: for --preserve-source, else null.
io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         SourceBinding* binding = nullptr);

}  // namespace tfunnel::proxy
