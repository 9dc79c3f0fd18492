// Looks from time to time for UDP flows that have fallen silent.
#pragma once

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// The timer runs only while there are such flows, so an idle program sleeps.
class IdleSweep {
 public:
  /// Begins with the first UDP flow. `mux` must outlive it, and it the io_context's last handler, or stop().
  IdleSweep(asio::io_context& context, core::Mux& mux, const core::UdpTimeouts& timeouts);

  void stop() { timer_.cancel(); }

 private:
  void wake();
  void sweep_later();

  core::Mux& mux_;
  core::Duration period_;
  asio::steady_timer timer_;
  bool awake_ = false;
};

}  // namespace tfunnel::io
