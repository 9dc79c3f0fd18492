// Whether the far end is still there.
#pragma once

#include <chrono>

#include "common/core/datagram_queue.hpp"

namespace tfunnel::core {

/// Decides when to ping, and when to give a link up. Told what happened; knows no clock.
class Keepalive {
 public:
  enum class Action { none, ping, dead, stalled };

  struct Limits {
    Duration interval = std::chrono::seconds(20);  // 0: never ping, never give up
    Duration timeout = std::chrono::seconds(60);
  };

  Keepalive(Limits limits, Time now) : limits_(limits), heard_(now), wrote_(now) {}

  void heard(Time now) { heard_ = now; }
  /// The link took bytes, or there was nothing to write.
  void wrote(Time now) { wrote_ = now; }

  /// What to do at `now`. `stalled`: the far end has read nothing for the whole timeout although
  /// bytes were waiting. `dead`: it has said nothing for that long.
  [[nodiscard]] Action check(Time now, bool output_waiting) const;
  /// How long after `now` to check again.
  [[nodiscard]] Duration period() const;
  [[nodiscard]] bool enabled() const { return limits_.interval > Duration::zero(); }

 private:
  Limits limits_;
  Time heard_;
  Time wrote_;
};

}  // namespace tfunnel::core
