#include "proxy/ways_out.hpp"

#include "proxy/auth/gssapi.hpp"
#include "proxy/egress/egress_choice.hpp"
#include "proxy/http/egress_http_connect.hpp"
#include "proxy/socks5/egress_socks5.hpp"

namespace tfunnel::proxy {

WaysOut::WaysOut(asio::io_context& context, const Wishes& wishes, const io::Log& log)
    : timeout_(wishes.options.connect_timeout),
      exceptions_(wishes.upstream.http.exceptions),
      batches_(context),
      to_loopback_(context, timeout_),
      direct_(context, timeout_, wishes.binding),
      taken_{wishes.options.access.loopback.v4, wishes.options.access.loopback.v6},
      udp_direct_({context, batches_, log, wishes.reserve, wishes.binding}),
      udp_to_loopback_(wishes.options.access.loopback, udp_direct_),
      udp_refused_(exceptions_, log),
      datagrams_{.far_loopback = &udp_to_loopback_, .direct = &udp_direct_} {
  if (!wishes.upstream.http.proxies.empty()) go_through_http_proxy(context, wishes.upstream, log);
  if (wishes.upstream.socks5) go_through_socks5(context, wishes, log);
  Egress& others = choice_ ? *choice_ : upstream_ ? *upstream_ : direct_;
  streams_.emplace(wishes.gate, to_loopback_, others, log);
  if (upstream_) by_name_.emplace(wishes.gate, to_loopback_, *upstream_, log);
}

void WaysOut::go_through_http_proxy(asio::io_context& context, const Upstream& upstream, const io::Log& log) {
  const HttpConnectEgress::Settings settings{upstream.http.proxies, timeout_, upstream.tls, gssapi_contexts()};
  upstream_ = std::make_unique<HttpConnectEgress>(context, settings, log);
  choice_ = std::make_unique<EgressChoice>(exceptions_, direct_, *upstream_);
  datagrams_.refusal = &udp_refused_;
}

void WaysOut::go_through_socks5(asio::io_context& context, const Wishes& wishes, const io::Log& log) {
  socks5_client_ = std::make_unique<Socks5Client>(context, *wishes.upstream.socks5, timeout_, log);
  upstream_ = std::make_unique<Socks5Egress>(*socks5_client_);
  datagrams_.upstream =
      &socks5_datagrams_.emplace(Socks5Association::Surroundings{context, *socks5_client_, log, wishes.reserve});
}

// The direct ways begin nothing beside their flows.
void WaysOut::stop() {
  if (upstream_) upstream_->stop();
}

WayOut WaysOut::way_out() {
  return {.streams = *streams_,
          .datagrams = datagrams_,
          .carries_datagrams = datagrams_.refusal == nullptr,
          .is_upstream = lead_to_upstream(),
          .by_name = by_name_ ? &*by_name_ : nullptr,
          .exceptions = &exceptions_,
          .taken = taken_};
}

}  // namespace tfunnel::proxy
