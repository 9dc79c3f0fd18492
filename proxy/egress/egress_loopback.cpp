#include "proxy/egress/egress_loopback.hpp"

#include "common/io/errors.hpp"

namespace tfunnel::proxy {

result<tcp::socket> LoopbackEgress::connect(const Target& target, asio::yield_context yield) {
  const auto admission = gate_.admit(target.destination);
  if (!admission.allowed) return io::error_of(core::Reason::denied);
  if (!admission.to_loopback) return connect_by_name(target, yield);
  return direct_.connect({target.source, admission.endpoint, {}, target.memory}, yield);
}

result<tcp::socket> LoopbackEgress::connect_by_name(const Target& target, const asio::yield_context& yield) {
  if (target.name.empty()) return others_.connect(target, yield);
  const auto admission = gate_.admit_name(target.name, target.destination.port);
  if (admission.allowed) return others_.connect(target, yield);
  log_.about_flow(io::LogLevel::info, "refused", io::LogFlow({core::Transport::tcp, target.source, target.destination}),
                  {{"reason", admission.why}});
  return io::error_of(core::Reason::denied);
}

bool LoopbackEgress::wants_name(const Target& target) const {
  const auto admission = gate_.admit(target.destination);
  return admission.allowed && !admission.to_loopback && others_.wants_name(target);
}

}  // namespace tfunnel::proxy
