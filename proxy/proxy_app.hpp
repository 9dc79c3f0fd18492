// The proxy as a program.
#pragma once

#include "common/app/options.hpp"
#include "proxy/interceptor.hpp"
#include "proxy/name_options.hpp"

namespace tfunnel::proxy {

struct ProxyOptions {
  double connect_timeout = 60;  // seconds
  NameOptions names;
};

app::po::options_description proxy_description(ProxyOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const ProxyOptions& options);

/// Serves the link on standard input and output until it ends. `interceptors`, if not null, decides which flows get an
/// interceptor.
io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         InterceptorFactory* interceptors = nullptr);

}  // namespace tfunnel::proxy
