#include "proxy/access/gate.hpp"

namespace tfunnel::proxy {

namespace {
constexpr std::uint16_t dns_port = 53;
}

Gate::Admission Gate::admit(const core::Endpoint& destination) const {
  if (destination.port == dns_port && resolver_.contains(destination.address)) {
    auto decision = rules_.decide_own(destination);
    return {decision.allowed, std::move(decision.why), destination, false};
  }
  if (!loopback_.is_virtual(destination.address)) {
    auto decision = rules_.decide(destination);
    return {decision.allowed, std::move(decision.why), destination, false};
  }
  if (!loopback_.offered) return {false, "the far host's loopback is not offered (--far-loopback)", {}, false};
  const auto real = FarLoopback::real(destination.address);
  auto decision = rules_.decide(destination, real);
  return {decision.allowed, std::move(decision.why), {real, destination.port}, true};
}

std::optional<core::Endpoint> Gate::shown(const core::Endpoint& sender) const {
  const core::Endpoint shown{loopback_.offered ? loopback_.shown(sender.address) : sender.address, sender.port};
  if (!admit(shown).allowed) return std::nullopt;
  return shown;
}

}  // namespace tfunnel::proxy
