// When a tunnel that is to end may go.
#pragma once

#include <optional>

#include "common/core/time.hpp"
#include "common/core/undelivered.hpp"

namespace tfunnel::core {

/// Decides about an orderly end: it waits while something is undelivered and gets less, tells a person who waits with
/// it, and gives up in the end. Pure: what is left, and the time, are told.
class Drain {
 public:
  struct Limits {
    Duration linger = std::chrono::seconds(60);  // without progress, while something is undelivered
    /// An end that is asked for several times at once (`timeout`, a service manager and its process group) is one
    /// request; somebody who asks again later is tired of waiting.
    Duration same_request = std::chrono::milliseconds(300);
  };
  /// How long somebody waits before being told why.
  static constexpr Duration silent_wait = std::chrono::seconds(2);

  struct Facts {
    Undelivered left;
    /// Nothing is left as far as we know, but the far end has not confirmed it. Waited for so long without progress;
    /// then it counts as cut or as delivered.
    std::optional<Duration> unconfirmed;
    bool unconfirmed_is_cut = false;
    /// Differs if there was progress, whatever it counts.
    std::uint64_t position = 0;

    [[nodiscard]] bool over() const { return left.none() && !unconfirmed; }
    /// Of several links.
    Facts& operator+=(const Facts& other);
  };

  enum class Verdict {
    wait,
    tell,       // as wait, and it is time to say so; once
    delivered,  // all of it
    cut,        // what is left will not be delivered
  };

  Drain(const Limits& limits, Time now) : limits_(limits), begun_(now), progress_at_(now) {}

  Verdict look(Time now, const Facts& facts);
  /// The end was asked for again.
  void hurry(Time now) { hurried_ = hurried_ || now - begun_ >= limits_.same_request; }

 private:
  Limits limits_;
  Time begun_;
  Time progress_at_;
  std::optional<std::uint64_t> position_;
  bool told_ = false;
  bool hurried_ = false;
};

}  // namespace tfunnel::core
