#include "proxy/ways_out.hpp"

#include <algorithm>

#include "proxy/egress_choice.hpp"
#include "proxy/egress_http_connect.hpp"
#include "proxy/egress_socks5.hpp"
#include "proxy/socks5_datagrams.hpp"

namespace tfunnel::proxy {

namespace {

std::shared_ptr<TlsClient> tls_if_needed(const std::vector<ProxyUrl>& proxies, const std::string& authorities) {
  const bool needed = !authorities.empty() || std::ranges::any_of(proxies, &ProxyUrl::tls);
  return needed ? make_tls_client(authorities) : nullptr;
}

void check_combination(const WaysOut::Wishes& wishes, bool socks5) {
  const bool http = !wishes.http.proxies.empty();
  if (http && socks5) {
    throw app::UsageError("an HTTP proxy and --socks5 exclude each other: there is one way out");
  }
  if ((http || socks5) && wishes.binding != nullptr) {
    throw app::UsageError(
        "--preserve-source and an upstream proxy exclude each other: servers see the proxy's address");
  }
}

}  // namespace

WaysOut::WaysOut(asio::io_context& context, const Wishes& wishes, const io::Log& log)
    : timeout_(app::seconds(wishes.options.connect_timeout)),
      exceptions_(wishes.http.exceptions),
      batches_(context),
      to_loopback_(context, timeout_),
      direct_(context, timeout_, wishes.binding),
      refused_(exceptions_, log),
      around_{context, batches_, wishes.gate, log, wishes.binding} {
  const auto socks5 = wishes.options.socks5.proxy();
  check_combination(wishes, socks5.has_value());
  if (!wishes.http.proxies.empty()) go_through_http_proxy(context, wishes, log);
  if (socks5) go_through_socks5(context, wishes, *socks5, log);
  if (!datagrams_) datagrams_ = std::make_unique<UdpEnds>(around_, wishes.common.udp_timeouts());
  Egress& others = choice_ ? *choice_ : upstream_ ? *upstream_ : direct_;
  streams_.emplace(wishes.gate, to_loopback_, others);
}

void WaysOut::go_through_http_proxy(asio::io_context& context, const Wishes& wishes, const io::Log& log) {
  const HttpConnectEgress::Settings settings{wishes.http.proxies, timeout_,
                                             tls_if_needed(wishes.http.proxies, wishes.options.http_proxy.authorities)};
  upstream_ = std::make_unique<HttpConnectEgress>(context, settings, log);
  choice_ = std::make_unique<EgressChoice>(exceptions_, direct_, *upstream_);
  around_.detour = &refused_;
}

void WaysOut::go_through_socks5(asio::io_context& context, const Wishes& wishes, const Socks5Proxy& proxy,
                                const io::Log& log) {
  socks5_client_ = std::make_unique<Socks5Client>(context, proxy, timeout_, log);
  upstream_ = std::make_unique<Socks5Egress>(*socks5_client_);
  datagrams_ = std::make_unique<Socks5Datagrams>(around_, *socks5_client_, wishes.common.udp_timeouts());
}

WayOut WaysOut::way_out() { return {*streams_, *datagrams_, around_.detour == nullptr, upstream_ != nullptr}; }

}  // namespace tfunnel::proxy
