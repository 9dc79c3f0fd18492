// How long to wait for nameservers that may never answer.
#pragma once

#include <chrono>

#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Where nameservers are silent about outside names, no program should wait for each of them: once that is known, only
/// as long as an answer about an inside name takes. From time to time one question waits longer again, to see whether
/// they are still silent. Pure.
class AnswerPatience {
 public:
  struct Limits {
    // Below what programs take for a lost question: 5 s (resolv.conf(5)), few of them 3.
    core::Duration at_first = std::chrono::milliseconds(2500);
    core::Duration when_silent = std::chrono::milliseconds(300);
    core::Duration look_again = std::chrono::seconds(60);
  };

  explicit AnswerPatience(const Limits& limits) : limits_(limits) {}

  /// For the question that is asked now.
  core::Duration next(core::Time now) {
    if (!silent_) return limits_.at_first;
    if (now < look_again_at_) return limits_.when_silent;
    look_again_at_ = now + limits_.look_again;
    return limits_.at_first;
  }

  /// A question was not answered in its time.
  void on_silence(core::Time now) {
    if (!silent_) look_again_at_ = now + limits_.look_again;
    silent_ = true;
  }

  /// An answer came `after` that time. Quick ones tell nothing: they may be about inside names.
  void on_answer(core::Duration after) {
    if (after > limits_.when_silent) silent_ = false;
  }

 private:
  Limits limits_;
  bool silent_ = false;
  core::Time look_again_at_{};
};

}  // namespace tfunnel::proxy
