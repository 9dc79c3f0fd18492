#include "proxy/egress_resolver.hpp"

namespace tfunnel::proxy {

result<tcp::socket> ResolverEgress::connect(const Target& target, asio::yield_context yield) {
  if (!is_resolver(target)) return others_.connect(target, yield);
  if (target.destination.port != dns::port) return error_code(asio::error::connection_refused);
  return resolver_.connect(target, yield);
}

bool ResolverEgress::wants_name(const Target& target) const {
  return !is_resolver(target) && others_.wants_name(target);
}

}  // namespace tfunnel::proxy
