#include "proxy/names/egress_resolver.hpp"

namespace tfunnel::proxy {

result<tcp::socket> ResolverEgress::connect(const Target& target, asio::yield_context yield) {
  if (!is_resolver(target)) return others_.connect(target, yield);
  if (target.destination.port != dns::port) return error_code(asio::error::connection_refused);
  if (names_ == nullptr) return resolver_.connect(target, yield);
  return resolver_.connect(target, yield, [this](const dns::Message& query, const DnsUpstream::Done& done) {
    const auto real = [this](const dns::Message& asked, const DnsUpstream::Done& answered) {
      resolver_.ask_over_stream(asked, answered);
    };
    names_->ask_by(real, query, done);
  });
}

bool ResolverEgress::wants_name(const Target& target) const {
  return !is_resolver(target) && others_.wants_name(target);
}

}  // namespace tfunnel::proxy
