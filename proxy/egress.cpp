#include "proxy/egress.hpp"

namespace tfunnel::proxy {

std::optional<core::Charge> charge_for(const Target& target, std::size_t bytes) {
  auto charge = target.memory == nullptr ? core::Charge() : core::Charge(target.memory->connections());
  if (!charge.resize(bytes)) return std::nullopt;
  return charge;
}

}  // namespace tfunnel::proxy
