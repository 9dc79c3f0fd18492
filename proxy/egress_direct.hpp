// Straight to the destination.
#pragma once

#include "proxy/egress.hpp"

namespace tfunnel::proxy {

class DirectEgress final : public Egress {
 public:
  /// An attempt that takes longer than `timeout` fails with timed_out; the system's own limit may be shorter.
  DirectEgress(asio::io_context& context, core::Duration timeout) : context_(context), timeout_(timeout) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;

 private:
  asio::io_context& context_;
  core::Duration timeout_;
};

}  // namespace tfunnel::proxy
