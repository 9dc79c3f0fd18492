// Streams to virtual addresses, which stand for names.
#pragma once

#include "common/io/log.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/names/virtual_names.hpp"

namespace tfunnel::proxy {

/// Gives an upstream proxy the name that a virtual address stands for, and leaves all other destinations to another
/// egress. Where another far end gave the address, the flow's own name (Target::name) must be one that fits. A virtual
/// address never goes out itself: without a name it is unreachable.
class VirtualEgress final : public Egress {
 public:
  /// `by_name` is the upstream; whether it is wanted for a name (--no-proxy) is not asked again here: what it is not
  /// for has no virtual address. All that is referred to must outlive the io_context's last handler.
  VirtualEgress(VirtualNames& names, Egress& by_name, Egress& others, const io::Log& log)
      : names_(names), by_name_(by_name), others_(others), log_(log) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  /// Not if the address has a name: nothing that is sent may say otherwise.
  [[nodiscard]] bool wants_name(const Target& target) const override;

 private:
  VirtualNames& names_;
  Egress& by_name_;
  Egress& others_;
  const io::Log& log_;
};

}  // namespace tfunnel::proxy
