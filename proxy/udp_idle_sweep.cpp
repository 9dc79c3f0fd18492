#include "proxy/udp_idle_sweep.hpp"

namespace tfunnel::proxy {

UdpIdleSweep::UdpIdleSweep(asio::io_context& context, const core::UdpTimeouts& timeouts)
    : sweep_(context, timeouts, [this](auto now, const auto& limits) {
        std::erase_if(ends_, [&](const auto& end) { return end->expire(now, limits); });
        return !ends_.empty();
      }) {}

void UdpIdleSweep::add(std::shared_ptr<io::DatagramEnd> end) {
  ends_.push_back(std::move(end));
  sweep_.wake();
}

}  // namespace tfunnel::proxy
