#include "common/core/wire_endpoint.hpp"

namespace tfunnel::core {

std::optional<Endpoint> endpoint_from_wire(const wire::Endpoint& endpoint) {
  const auto address = Address::from_wire(endpoint.address());
  if (!address || endpoint.port() > 0xffff) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(endpoint.port())};
}

void endpoint_to_wire(const Endpoint& endpoint, wire::Endpoint& out) {
  out.set_address(std::string(endpoint.address.wire()));
  out.set_port(endpoint.port);
}

}  // namespace tfunnel::core
