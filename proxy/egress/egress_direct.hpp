// Straight to the destination.
#pragma once

#include "proxy/egress/egress.hpp"
#include "proxy/egress/source_binding.hpp"

namespace tfunnel::proxy {

class DirectEgress final : public Egress {
 public:
  /// An attempt that takes longer than `timeout` fails with timed_out; the system's own limit may be shorter.
  /// With a `binding`, which must outlive this, the destination sees the application's own address. A connection that
  /// has the same addresses is ended, or waited for, so long as `timeout` permits.
  DirectEgress(asio::io_context& context, core::Duration timeout, SourceBinding* binding = nullptr)
      : context_(context), timeout_(timeout), binding_(binding) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;

 private:
  struct Attempt;
  error_code try_once(Attempt& attempt, const Target& target, const asio::yield_context& yield);

  asio::io_context& context_;
  core::Duration timeout_;
  SourceBinding* binding_;
};

}  // namespace tfunnel::proxy
