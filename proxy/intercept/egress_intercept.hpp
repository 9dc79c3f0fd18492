// Interceptors in the flows that a factory chooses.
#pragma once

#include "common/io/log.hpp"
#include "proxy/intercept/interceptor.hpp"

namespace tfunnel::proxy {

/// Connects through another egress. A flow with an interceptor gets a local connection whose other end is pumped; all
/// others get what that egress gave.
class InterceptEgress final : public Egress {
 public:
  /// All that is referred to must outlive the io_context's last handler.
  InterceptEgress(asio::io_context& context, Egress& others, InterceptorFactory& factory, const io::Log& log)
      : context_(context), others_(others), factory_(factory), log_(log) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& target) const override { return others_.wants_name(target); }

 private:
  asio::io_context& context_;
  Egress& others_;
  InterceptorFactory& factory_;
  const io::Log& log_;
};

}  // namespace tfunnel::proxy
