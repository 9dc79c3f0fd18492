#include "proxy/access/guarded_acceptor.hpp"

namespace tfunnel::proxy {

std::shared_ptr<core::FlowHandler> GuardedAcceptor::accept(core::Flow& flow) {
  if (flow.request.transport == core::Transport::udp) return inner_.accept(flow);
  const auto admission = gate_.admit(flow.request.destination);
  if (admission.allowed) return inner_.accept(flow);
  log_.about_flow(io::LogLevel::info, "refused", io::LogFlow(flow.request, flow.id), {{"reason", admission.why}});
  return nullptr;
}

}  // namespace tfunnel::proxy
