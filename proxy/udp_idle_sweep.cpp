#include "proxy/udp_idle_sweep.hpp"

#include <algorithm>

namespace tfunnel::proxy {

void UdpIdleSweep::add(std::shared_ptr<io::DatagramEnd> end) {
  ends_.push_back(std::move(end));
  if (ends_.size() == 1) sweep_later();
}

void UdpIdleSweep::sweep_later() {
  const auto shortest = std::min(timeouts_.unreplied, timeouts_.stream);
  timer_.expires_after(
      std::clamp<core::Duration>(shortest / 4, std::chrono::milliseconds(100), std::chrono::seconds(5)));
  timer_.async_wait([this](error_code error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(ends_, [&](const auto& end) { return end->expire(now, timeouts_); });
    if (!ends_.empty()) sweep_later();
  });
}

}  // namespace tfunnel::proxy
