#include "common/core/keepalive.hpp"

#include <algorithm>

namespace tfunnel::core {

Keepalive::Action Keepalive::check(Time now, bool output_waiting) const {
  if (!enabled()) return Action::none;
  if (output_waiting && now - wrote_ >= limits_.timeout) return Action::stalled;
  if (now - heard_ >= limits_.timeout) return Action::dead;
  if (probe_until_ && now >= *probe_until_) return Action::unanswered;
  if (now - heard_ >= limits_.interval) return Action::ping;
  return Action::none;
}

Duration Keepalive::period(Time now) const {
  const auto usual = std::min(limits_.interval, std::max<Duration>(limits_.timeout / 4, std::chrono::milliseconds(10)));
  return probe_until_ ? std::min<Duration>(usual, std::max<Duration>(*probe_until_ - now, Duration::zero())) : usual;
}

}  // namespace tfunnel::core
