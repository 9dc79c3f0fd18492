// The gate's word on addresses and names, in front of all ways out.
#pragma once

#include "common/io/log.hpp"
#include "proxy/access/gate.hpp"
#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

class LoopbackEgress final : public Egress {
 public:
  /// Streams that the gate sends to this host's loopback go by `direct`, all else by `others` (which may be the same).
  /// All must outlive the io_context's last handler. A name that is not admitted is refused, and the log says why.
  LoopbackEgress(const Gate& gate, Egress& direct, Egress& others, const io::Log& log)
      : gate_(gate), direct_(direct), others_(others), log_(log) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& target) const override;

 private:
  result<tcp::socket> connect_by_name(const Target& target, const asio::yield_context& yield);

  const Gate& gate_;
  Egress& direct_;
  Egress& others_;
  const io::Log& log_;
};

}  // namespace tfunnel::proxy
