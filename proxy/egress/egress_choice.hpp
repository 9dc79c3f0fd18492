// Straight to the destinations that the upstream proxy is not for, and through it to all others.
#pragma once

#include "proxy/access/no_proxy.hpp"
#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

class EgressChoice final : public Egress {
 public:
  /// All three must outlive this.
  EgressChoice(const NoProxy& exceptions, Egress& direct, Egress& upstream)
      : exceptions_(exceptions), direct_(direct), upstream_(upstream) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& target) const override;

 private:
  [[nodiscard]] Egress& way_of(const Target& target) const;

  const NoProxy& exceptions_;
  Egress& direct_;
  Egress& upstream_;
};

}  // namespace tfunnel::proxy
