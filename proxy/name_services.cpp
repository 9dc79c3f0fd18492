#include "proxy/name_services.hpp"

namespace tfunnel::proxy {

NameServices::NameServices(asio::io_context& context, const WayOut& way_out, const NameOptions& options,
                           DescriptorReserve& reserve, InterceptorFactory* interceptors, const io::Log& log)
    : learns_(way_out.is_upstream && options.mode() != NameMode::never),
      namer_(context, names_, {.mode = options.mode()}),
      stream_(context, way_out.streams, log),
      resolver_(context, {.servers = options.servers()}, way_out.is_upstream ? &stream_ : nullptr, reserve, log),
      resolver_egress_(options.resolver(), resolver_, way_out.streams),
      ends_(routes(way_out, options)) {
  egress_ = &resolver_egress_;
  if (learns_) egress_ = &learn_.emplace(context, *egress_, learner_, log);
  if (interceptors != nullptr) egress_ = &intercept_.emplace(context, *egress_, *interceptors, log);
}

DnsRoutes NameServices::routes(const WayOut& way_out, const NameOptions& options) {
  return {options.resolver(), &resolver_, way_out.carries_datagrams ? nullptr : &stream_, &way_out.datagrams,
          learns_ ? &names_ : nullptr};
}

}  // namespace tfunnel::proxy
