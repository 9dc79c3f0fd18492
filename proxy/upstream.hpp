// The upstream proxy that the options ask for, understood and checked before the link is touched.
#pragma once

#include <memory>
#include <optional>

#include "proxy/http/http_proxy_options.hpp"
#include "proxy/http/tls_client.hpp"
#include "proxy/socks5/socks5_client.hpp"

namespace tfunnel::proxy {

struct ProxyOptions;

/// An HTTP proxy, a SOCKS5 proxy, or neither.
struct Upstream {
  HttpProxySettings http;
  std::shared_ptr<TlsClient> tls;  // null: no https:// proxy needs it
  std::optional<Socks5Proxy> socks5;
};

/// Reads the files and the environment that `options` name. Throws app::UsageError for options that cannot be used, and
/// for wishes that exclude each other; `preserve_source`: servers shall see the application's own address.
Upstream understand_upstream(const ProxyOptions& options, const Environment& environment, bool preserve_source);

}  // namespace tfunnel::proxy
