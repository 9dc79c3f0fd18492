#include "proxy/name_services.hpp"

namespace tfunnel::proxy {

NameServices::NameServices(asio::io_context& context, const WayOut& way_out, const NameOptions& options,
                           const core::UdpTimeouts& timeouts, InterceptorFactory* interceptors, const io::Log& log)
    : namer_(context, names_, {.mode = options.mode()}),
      stream_(context, way_out.streams, log),
      resolver_(context, {.servers = options.servers()}, way_out.is_upstream ? &way_out.streams : nullptr,
                way_out.is_upstream ? &stream_ : nullptr, log),
      resolver_egress_(options.resolver(), resolver_, way_out.streams),
      ends_(context, routes(way_out, options), timeouts) {
  if (interceptors != nullptr) intercept_.emplace(context, resolver_egress_, *interceptors, log);
}

Egress& NameServices::egress() {
  if (intercept_) return *intercept_;
  return resolver_egress_;
}

// Names are learnt only where somebody wants them.
DnsRoutes NameServices::routes(const WayOut& way_out, const NameOptions& options) {
  const bool wanted = way_out.is_upstream && options.mode() != NameMode::never;
  return {options.resolver(), &resolver_, way_out.carries_datagrams ? nullptr : &stream_, &way_out.datagrams,
          wanted ? &names_ : nullptr};
}

}  // namespace tfunnel::proxy
