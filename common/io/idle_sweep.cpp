#include "common/io/idle_sweep.hpp"

#include <algorithm>
#include <utility>

namespace tfunnel::io {

namespace {

// Often enough that a flow ends about when it should, and no more.
core::Duration period_for(const core::UdpTimeouts& timeouts) {
  const auto shortest = std::min(timeouts.unreplied, timeouts.stream);
  return std::clamp<core::Duration>(shortest / 4, std::chrono::milliseconds(100), std::chrono::seconds(5));
}

}  // namespace

IdleSweep::IdleSweep(asio::io_context& context, core::Mux& mux, const core::UdpTimeouts& timeouts)
    : mux_(mux), period_(period_for(timeouts)), timer_(context) {
  mux_.on_udp([this] { wake(); });
}

void IdleSweep::wake() {
  if (!std::exchange(awake_, true)) sweep_later();
}

void IdleSweep::sweep_later() {
  timer_.expires_after(period_);
  timer_.async_wait([this](error_code error) {
    if (error) return;
    awake_ = mux_.end_silent_flows(std::chrono::steady_clock::now());
    if (awake_) sweep_later();
  });
}

}  // namespace tfunnel::io
