// The gate in front of the acceptor that serves the flows.
#pragma once

#include <memory>

#include "common/core/mux.hpp"
#include "common/io/log.hpp"
#include "proxy/access/gate.hpp"

namespace tfunnel::proxy {

/// Refuses TCP flows that the gate does not admit, with the reason `denied` and a log line. All ways out are behind it,
/// so none can forget to ask. A UDP flow has no one destination: UdpFlow asks about each datagram.
class GuardedAcceptor final : public core::FlowAcceptor {
 public:
  /// All three must outlive the mux that calls this.
  GuardedAcceptor(core::FlowAcceptor& inner, const Gate& gate, const io::Log& log)
      : inner_(inner), gate_(gate), log_(log) {}

  std::shared_ptr<core::FlowHandler> accept(core::Flow& flow) override;

 private:
  core::FlowAcceptor& inner_;
  const Gate& gate_;
  const io::Log& log_;
};

}  // namespace tfunnel::proxy
