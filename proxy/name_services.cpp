#include "proxy/name_services.hpp"

namespace tfunnel::proxy {

NameServices::NameServices(asio::io_context& context, const WayOut& way_out, const NameOptions& options,
                           DescriptorReserve& reserve, InterceptorFactory* interceptors, const io::Log& log)
    : learns_(way_out.is_upstream && options.proxy_names != NameMode::never),
      namer_(context, names_, {.mode = options.proxy_names}),
      stream_(context, way_out.streams, log),
      resolver_(context, {.servers = options.servers()}, way_out.is_upstream ? &stream_ : nullptr, reserve, log) {
  if (way_out.is_upstream && options.gives_addresses()) give_names_addresses(context, way_out, options, log);
  Egress& others = virtual_egress_ ? *virtual_egress_ : way_out.streams;
  auto* front = virtual_resolver_ ? &*virtual_resolver_ : nullptr;
  egress_ = &resolver_egress_.emplace(options.resolver(), resolver_, front, others);
  if (learns_) egress_ = &learn_.emplace(context, *egress_, learner_, log);
  if (interceptors != nullptr) egress_ = &intercept_.emplace(context, *egress_, *interceptors, log);
  add_ways(way_out, options);
}

// Those who ask before those who are asked.
void NameServices::stop() {
  if (virtual_resolver_) virtual_resolver_->stop();
  resolver_.stop();
  stream_.stop();
}

void NameServices::give_names_addresses(asio::io_context& context, const WayOut& way_out, const NameOptions& options,
                                        const io::Log& log) {
  auto taken = options.resolver();
  taken.insert(way_out.taken.begin(), way_out.taken.end());
  virtual_names_.emplace(std::move(taken), options.virtual_limits);
  VirtualResolver::Settings settings;
  settings.always = options.always_virtual();
  settings.exceptions = way_out.exceptions;
  virtual_resolver_.emplace(context, resolver_, *virtual_names_, std::move(settings), log);
  Egress& by_name = way_out.by_name != nullptr ? *way_out.by_name : way_out.streams;
  virtual_egress_.emplace(*virtual_names_, by_name, way_out.streams, log);
}

void NameServices::add_ways(const WayOut& way_out, const NameOptions& options) {
  datagrams_ = way_out.datagrams;
  auto* names = learns_ ? &names_ : nullptr;
  DnsUpstream& own = resolver_;
  datagrams_.resolver = &resolver_way_.emplace(options.resolver(), virtual_resolver_ ? *virtual_resolver_ : own, names);
  if (virtual_names_) datagrams_.virtual_names = &virtual_names_way_.emplace(*virtual_names_);
  if (!way_out.carries_datagrams) datagrams_.dns_over_stream = &stream_way_.emplace(stream_, names);
  if (learns_) datagrams_.dns_watch = &watch_.emplace(names_);
}

}  // namespace tfunnel::proxy
