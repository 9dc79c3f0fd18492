// Looks from time to time for UDP flows that have fallen silent.
#pragma once

#include <functional>

#include "common/core/udp_idle.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// The timer runs only while there are flows, so an idle program sleeps.
class IdleSweep {
 public:
  /// Ends what has been silent too long; true if anything is left to look after.
  using Sweep = std::function<bool(core::Time now, const core::UdpTimeouts& timeouts)>;

  IdleSweep(asio::io_context& context, const core::UdpTimeouts& timeouts, Sweep sweep)
      : timeouts_(timeouts), timer_(context), sweep_(std::move(sweep)) {}

  /// There is something to look after. It must outlive the io_context's last handler, or this.
  void wake();
  void stop() { timer_.cancel(); }

 private:
  void sweep_later();

  core::UdpTimeouts timeouts_;
  asio::steady_timer timer_;
  Sweep sweep_;
  bool awake_ = false;
};

}  // namespace tfunnel::io
