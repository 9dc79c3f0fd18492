// Whether the machine slept.
#pragma once

#include <chrono>

namespace tfunnel::client {

/// CLOCK_BOOTTIME goes on while the machine sleeps, CLOCK_MONOTONIC does not (clock_gettime(2)). Pure.
class SleepDetector {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  /// A shorter sleep breaks no link.
  static constexpr Nanoseconds shortest = std::chrono::seconds(2);

  /// True if it slept since the last call. The first call only looks.
  bool slept(Nanoseconds boot_time, Nanoseconds monotonic) {
    const auto asleep = boot_time - monotonic;
    const bool more = known_ && asleep - asleep_ >= shortest;
    known_ = true;
    asleep_ = asleep;
    return more;
  }

 private:
  bool known_ = false;
  Nanoseconds asleep_{};
};

}  // namespace tfunnel::client
