// Straight to the destination.
#pragma once

#include "proxy/egress.hpp"
#include "proxy/source_binding.hpp"

namespace tfunnel::proxy {

class DirectEgress final : public Egress {
 public:
  /// An attempt that takes longer than `timeout` fails with timed_out; the system's own limit may be shorter.
  /// With a `binding`, which must outlive this, the destination sees the application's own address.
  DirectEgress(asio::io_context& context, core::Duration timeout, SourceBinding* binding = nullptr)
      : context_(context), timeout_(timeout), binding_(binding) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;

 private:
  asio::io_context& context_;
  core::Duration timeout_;
  SourceBinding* binding_;
};

}  // namespace tfunnel::proxy
