// How long to wait before a link is tried again.
#pragma once

#include <chrono>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// Twice as long after each failure, with jitter, so that many clients of one server do not return together. Pure: the
/// chance is passed in.
class BackOff {
 public:
  static constexpr Duration first = std::chrono::milliseconds(250);
  static constexpr Duration longest = std::chrono::seconds(30);
  /// A link that was up for this long was a good one: what ended it is a new trouble.
  static constexpr Duration healthy = std::chrono::seconds(10);

  /// The wait after a link that was up for `lived` (zero: never). `chance` is 0 to 1; the wait is between half of the
  /// step and all of it.
  Duration next(Duration lived, double chance);
  /// Something changed for the better, perhaps: the next wait is the first.
  void forget() { step_ = Duration::zero(); }

 private:
  Duration step_{};
};

}  // namespace tfunnel::core
