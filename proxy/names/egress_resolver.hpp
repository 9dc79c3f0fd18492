// Streams to the virtual resolver.
#pragma once

#include <set>

#include "proxy/dns/far_resolver.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/names/virtual_resolver.hpp"

namespace tfunnel::proxy {

/// Connects the virtual resolver's addresses to a nameserver (port 53) or refuses (any other port: nobody listens
/// there), and leaves all other destinations to another egress.
class ResolverEgress final : public Egress {
 public:
  /// `names`, if not null, stands in front of `resolver`. All of them must outlive the io_context's last handler.
  ResolverEgress(std::set<core::Address> addresses, FarResolver& resolver, VirtualResolver* names, Egress& others)
      : addresses_(std::move(addresses)), resolver_(resolver), names_(names), others_(others) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& target) const override;

 private:
  [[nodiscard]] bool is_resolver(const Target& target) const { return addresses_.contains(target.destination.address); }

  std::set<core::Address> addresses_;
  FarResolver& resolver_;
  VirtualResolver* names_;
  Egress& others_;
};

}  // namespace tfunnel::proxy
