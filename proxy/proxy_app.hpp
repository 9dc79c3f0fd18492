// The proxy as a program.
#pragma once

#include "common/app/options.hpp"
#include "proxy/egress/reach_watch.hpp"
#include "proxy/egress/source_binding.hpp"
#include "proxy/intercept/interceptor.hpp"
#include "proxy/proxy_options.hpp"

namespace tfunnel::proxy {

/// Additions of a program to the proxy; null: none.
struct ProxyExtensions {
  SourceBinding* binding = nullptr;  // servers see the application's own address
  InterceptorFactory* interceptors = nullptr;
  const io::Log* log = nullptr;  // to log to, under the proxy's own name
  std::uint32_t mark = 0;        // of the packets that we send; see io::SocketMark
  ReachWatch::Look reach = {};   // where this host has routes to; empty: what any POSIX system tells
};

/// Serves the link on standard input and output until it ends.
io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         const ProxyExtensions& extensions = {});

}  // namespace tfunnel::proxy
