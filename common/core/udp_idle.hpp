// When a UDP flow is over. UDP has no end of its own, so silence is one.
#pragma once

#include "common/core/datagram_queue.hpp"

namespace tfunnel::core {

/// Two times, as in nf_conntrack: a flow that was never answered ends sooner.
struct UdpTimeouts {
  Duration unreplied = std::chrono::seconds(30);
  Duration stream = std::chrono::seconds(120);
};

class UdpIdle {
 public:
  explicit UdpIdle(Time now) : last_(now) {}

  void sent(Time now) {
    last_ = now;
    sent_ = true;
  }
  void received(Time now) {
    last_ = now;
    received_ = true;
  }
  [[nodiscard]] bool expired(Time now, const UdpTimeouts& timeouts) const {
    return now - last_ >= (sent_ && received_ ? timeouts.stream : timeouts.unreplied);
  }

 private:
  Time last_;
  bool sent_ = false;
  bool received_ = false;
};

}  // namespace tfunnel::core
