#include "common/io/idle_sweep.hpp"

#include <algorithm>
#include <utility>

namespace tfunnel::io {

void IdleSweep::wake() {
  if (!std::exchange(awake_, true)) sweep_later();
}

// Often enough that a flow ends about when it should, and no more.
void IdleSweep::sweep_later() {
  const auto shortest = std::min(timeouts_.unreplied, timeouts_.stream);
  timer_.expires_after(
      std::clamp<core::Duration>(shortest / 4, std::chrono::milliseconds(100), std::chrono::seconds(5)));
  timer_.async_wait([this](error_code error) {
    if (error) return;
    awake_ = sweep_(std::chrono::steady_clock::now(), timeouts_);
    if (awake_) sweep_later();
  });
}

}  // namespace tfunnel::io
