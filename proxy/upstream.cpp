#include "proxy/upstream.hpp"

#include <algorithm>

#include "proxy/proxy_options.hpp"

namespace tfunnel::proxy {

namespace {

std::shared_ptr<TlsClient> tls_if_needed(const std::vector<ProxyUrl>& proxies, const std::string& authorities) {
  const bool needed = !authorities.empty() || std::ranges::any_of(proxies, &ProxyUrl::tls);
  return needed ? make_tls_client(authorities) : nullptr;
}

}  // namespace

Upstream understand_upstream(const ProxyOptions& options, const Environment& environment, bool preserve_source) {
  Upstream made{http_proxy_settings(options.http_proxy, environment), nullptr, options.socks5.proxy()};
  const bool http = !made.http.proxies.empty();
  if (http && made.socks5) {
    throw app::UsageError("an HTTP proxy and --socks5 exclude each other: there is one way out");
  }
  if (!http && !made.socks5 && options.names.always_virtual()) {
    throw app::UsageError(
        "--dns virtual needs an upstream proxy to give names to: --http-proxy, --proxy-from-env or --socks5");
  }
  if ((http || made.socks5) && preserve_source) {
    throw app::UsageError(
        "--preserve-source and an upstream proxy exclude each other: servers see the proxy's address");
  }
  made.tls = tls_if_needed(made.http.proxies, options.http_proxy.authorities);
  return made;
}

}  // namespace tfunnel::proxy
