// The virtual address of the far loopback, in front of any other way out.
#pragma once

#include "proxy/egress.hpp"
#include "proxy/gate.hpp"

namespace tfunnel::proxy {

class LoopbackEgress final : public Egress {
 public:
  /// What the gate sends to this host's loopback goes by `direct`, all else by `others` (which may be the same). All
  /// must outlive the io_context's last handler.
  LoopbackEgress(const Gate& gate, Egress& direct, Egress& others) : gate_(gate), direct_(direct), others_(others) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& target) const override;

 private:
  const Gate& gate_;
  Egress& direct_;
  Egress& others_;
};

}  // namespace tfunnel::proxy
