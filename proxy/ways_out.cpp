#include "proxy/ways_out.hpp"

#include <algorithm>

#include "proxy/egress_choice.hpp"
#include "proxy/egress_http_connect.hpp"

namespace tfunnel::proxy {

namespace {

std::shared_ptr<TlsClient> tls_if_needed(const std::vector<ProxyUrl>& proxies, const std::string& authorities) {
  const bool needed = !authorities.empty() || std::ranges::any_of(proxies, &ProxyUrl::tls);
  return needed ? make_tls_client(authorities) : nullptr;
}

}  // namespace

WaysOut::WaysOut(asio::io_context& context, const app::CommonOptions& common, const ProxyOptions& options,
                 const HttpProxySettings& upstream, const io::Log& log)
    : exceptions_(upstream.exceptions),
      direct_(context, app::seconds(options.connect_timeout)),
      refused_(exceptions_, log),
      datagrams_(context, common.udp_timeouts(), log) {
  if (upstream.proxies.empty()) return;
  const HttpConnectEgress::Settings settings{upstream.proxies, app::seconds(options.connect_timeout),
                                             tls_if_needed(upstream.proxies, options.http_proxy.authorities)};
  upstream_ = std::make_unique<HttpConnectEgress>(context, settings, log);
  choice_ = std::make_unique<EgressChoice>(exceptions_, direct_, *upstream_);
  datagrams_.add_detour(refused_);
}

}  // namespace tfunnel::proxy
