// Whether the far end is still there.
#pragma once

#include <chrono>
#include <optional>

#include "common/core/datagram_queue.hpp"

namespace tfunnel::core {

/// Decides when to ping, and when to give a link up. Told what happened; knows no clock.
class Keepalive {
 public:
  enum class Action { none, ping, dead, stalled, unanswered };

  struct Limits {
    Duration interval = std::chrono::seconds(20);  // 0: never ping, never give up
    Duration timeout = std::chrono::seconds(60);
  };

  Keepalive(Limits limits, Time now) : limits_(limits), heard_(now), wrote_(now) {}

  void heard(Time now) {
    heard_ = now;
    probe_until_.reset();
  }
  /// The link took bytes, or there was nothing to write.
  void wrote(Time now) { wrote_ = now; }

  /// Something happened that may have broken the link: it is dead if nothing is heard within `limit`. The caller pings.
  void probe(Time now, Duration limit) {
    if (enabled() && !probe_until_) probe_until_ = now + limit;
  }

  /// What to do at `now`. `stalled`: the far end has read nothing for the whole timeout although
  /// bytes were waiting. `dead`: it has said nothing for that long; `unanswered`: nothing since a
  /// probe.
  [[nodiscard]] Action check(Time now, bool output_waiting) const;
  /// How long after `now` to check again.
  [[nodiscard]] Duration period(Time now) const;
  [[nodiscard]] bool enabled() const { return limits_.interval > Duration::zero(); }

 private:
  Limits limits_;
  Time heard_;
  Time wrote_;
  std::optional<Time> probe_until_;
};

}  // namespace tfunnel::core
