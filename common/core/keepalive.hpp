// Whether the far end is still there.
#pragma once

#include <chrono>
#include <optional>

#include "common/core/absence.hpp"

namespace tfunnel::core {

/// Decides when to ping, and when to give a link up. Told what happened; knows no clock. Time in which we ourselves did
/// not run (a suspended machine, SIGSTOP) is no silence of the far end's, which may have slept as long: after it,
/// waiting input is read, and the far end asked, before it is judged.
class Keepalive {
 public:
  enum class Action { none, ping, dead, stalled, unanswered };

  struct Limits {
    Duration interval = std::chrono::seconds(20);  // 0: never ping, never give up
    Duration timeout = std::chrono::seconds(60);
  };

  /// The state of the link at this moment.
  struct Waiting {
    bool output = false;  // it does not take all that we have to say
    bool input = false;   // something has come that we have not read yet
  };

  Keepalive(Limits limits, Time now) : limits_(limits), heard_{now}, wrote_{now} {}

  void heard(Time now) {
    heard_ = {now};
    probe_until_.reset();
  }
  /// The link took bytes, or there was nothing to write.
  void wrote(Time now) { wrote_ = {now}; }

  /// Something happened that may have broken the link: it is dead if nothing is heard within `limit`. The caller pings.
  void probe(Time now, Duration limit);

  /// The thing to do at `now`. `stalled`: the far end has read nothing for the whole timeout although
  /// bytes were waiting. `dead`: it has said nothing for that long; `unanswered`: nothing since a
  /// probe.
  [[nodiscard]] Action check(Time now, Waiting waiting);
  /// How long after `now` to check again.
  [[nodiscard]] Duration next_check(Time now);
  [[nodiscard]] bool enabled() const { return limits_.interval > Duration::zero(); }

 private:
  struct Silence {
    Time since;
    bool excused = false;  // it began anew after a gap, and has not been broken since
  };
  static bool begin_anew(Silence& silence, Time now);
  bool forgive(Time now);

  Limits limits_;
  Silence heard_;
  Silence wrote_;
  std::optional<Time> probe_until_;
  Duration probe_limit_{};
  Absence absence_;  // from our checks
};

}  // namespace tfunnel::core
