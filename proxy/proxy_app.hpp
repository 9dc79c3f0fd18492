// The proxy as a program.
#pragma once

#include "common/app/options.hpp"
#include "proxy/access_options.hpp"
#include "proxy/http_proxy_options.hpp"
#include "proxy/interceptor.hpp"
#include "proxy/name_options.hpp"
#include "proxy/reach_watch.hpp"
#include "proxy/socks5_options.hpp"
#include "proxy/source_binding.hpp"

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

/// What a program may add to the proxy; null: nothing.
struct ProxyExtensions {
  SourceBinding* binding = nullptr;  // servers see the application's own address
  InterceptorFactory* interceptors = nullptr;
  const io::Log* log = nullptr;  // to log to, under the proxy's own name
  ReachWatch::Look reach = {};   // where this host has routes to; empty: what any POSIX system tells
};

/// Serves the link on standard input and output until it ends.
io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         const ProxyExtensions& extensions = {});

}  // namespace tfunnel::proxy
