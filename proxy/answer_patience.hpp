// How long to wait for nameservers that may never answer.
#pragma once

#include <chrono>

#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Where nameservers are silent about outside names, no program should wait for each of them: once that is known, only
/// as long as an answer about an inside name takes. What they say later is heard all the same, and tells that they are
/// not silent any more. Pure.
class AnswerPatience {
 public:
  struct Limits {
    // Below what programs take for a lost question: 5 s (resolv.conf(5)), few of them 3.
    core::Duration at_first = std::chrono::milliseconds(2500);
    core::Duration when_silent = std::chrono::milliseconds(300);
  };

  explicit AnswerPatience(const Limits& limits) : limits_(limits) {}

  /// For the question that is asked now.
  [[nodiscard]] core::Duration next() const { return silent_ ? limits_.when_silent : limits_.at_first; }
  /// A question was not answered in its time.
  void on_silence() { silent_ = true; }
  /// An answer came `after` that time. Quick ones tell nothing, for they may be about inside names; nor do those that
  /// nobody would have waited for.
  void on_answer(core::Duration after) {
    if (after > limits_.when_silent && after <= limits_.at_first) silent_ = false;
  }

 private:
  Limits limits_;
  bool silent_ = false;
};

}  // namespace tfunnel::proxy
