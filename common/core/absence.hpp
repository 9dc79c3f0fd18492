// Time that passed while nobody looked.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// Finds out how long its owner did not run: a stopped process, a suspended machine, one that had no turn. The
/// other side's doings meanwhile could not be seen, so such time is nobody's silence. Knows no clock.
class Absence {
 public:
  /// Its owner looks again at `due`.
  void expect(Time due) { due_ = due; }

  /// How much later than expected it looks, told once; zero if it is in time.
  Duration look(Time now) {
    const auto due = std::exchange(due_, std::nullopt);
    return due ? std::max<Duration>(now - *due, Duration::zero()) : Duration::zero();
  }

 private:
  std::optional<Time> due_;
};

/// A time limit for somebody else, of which only the time counts in which its owner could see him keep it.
class Patience {
 public:
  Patience(Duration limit, Time now) : step_(limit / 8), end_(now + limit) {}

  /// How long after `now` to ask again. Often, because what happened between two questions counts as seen.
  Duration next(Time now) {
    const auto wait = std::clamp<Duration>(end_ - now, Duration::zero(), step_);
    absence_.expect(now + wait);
    return wait;
  }
  /// Whether it is over. REQUIRES: all that has come until `now` was looked at.
  bool is_over(Time now) {
    end_ += absence_.look(now);
    return now >= end_;
  }

 private:
  Duration step_;
  Time end_;
  Absence absence_;
};

}  // namespace tfunnel::core
