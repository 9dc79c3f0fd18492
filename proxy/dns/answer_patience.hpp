// How long to wait for nameservers that may never answer.
#pragma once

#include <algorithm>
#include <chrono>

#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// Where nameservers are silent about outside names, no program should wait for each of them: once that is known, only
/// as long as an answer about an inside name takes. A later answer is heard all the same, and tells that they are
/// not silent any more. Pure.
class AnswerPatience {
 public:
  struct Limits {
    // Below what programs take for a lost question: 5 s (resolv.conf(5)), few of them 3.
    core::Duration at_first = std::chrono::milliseconds(2500);
    core::Duration when_silent = std::chrono::milliseconds(300);
    // A question or its answer may be lost: so many in a row are no accident.
    int silent_questions = 3;
  };

  explicit AnswerPatience(const Limits& limits) : limits_(limits) {}

  /// For the question that is asked now.
  [[nodiscard]] core::Duration next() const {
    return silences_ >= limits_.silent_questions ? limits_.when_silent : limits_.at_first;
  }
  /// A question was not answered in its time.
  void on_silence() { silences_ = std::min(silences_ + 1, limits_.silent_questions); }
  /// An answer came `after` that time. Quick ones tell nothing, for they may be about inside names; nor do those that
  /// nobody would have waited for.
  void on_answer(core::Duration after) {
    if (after > limits_.when_silent && after <= limits_.at_first) silences_ = 0;
  }

 private:
  Limits limits_;
  int silences_ = 0;  // in a row
};

}  // namespace tfunnel::proxy
