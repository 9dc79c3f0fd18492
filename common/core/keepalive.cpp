#include "common/core/keepalive.hpp"

#include <algorithm>

namespace tfunnel::core {

void Keepalive::probe(Time now, Duration limit) {
  forgive(now);
  if (!enabled() || probe_until_) return;
  probe_until_ = now + limit;
  probe_limit_ = limit;
}

Keepalive::Action Keepalive::check(Time now, Waiting waiting) {
  if (!enabled()) return Action::none;
  const bool ask_anew = forgive(now);
  if (waiting.output && now - wrote_.since >= limits_.timeout) return Action::stalled;
  if (!waiting.input && now - heard_.since >= limits_.timeout) return Action::dead;
  if (!waiting.input && probe_until_ && now >= *probe_until_) return Action::unanswered;
  if (ask_anew || now - heard_.since >= limits_.interval) return Action::ping;
  return Action::none;
}

// A ping is due as soon as the interval is over: else a timeout that is little longer leaves no time for the answer.
Duration Keepalive::next_check(Time now) {
  auto wait = std::min(limits_.interval, std::max<Duration>(limits_.timeout / 4, std::chrono::milliseconds(10)));
  if (const Duration until_ping = heard_.since + limits_.interval - now; until_ping > Duration::zero()) {
    wait = std::min(wait, until_ping);
  }
  if (probe_until_) wait = std::min<Duration>(wait, std::max<Duration>(*probe_until_ - now, Duration::zero()));
  absence_.expect(now + wait);
  return wait;
}

/// Takes the time in which we did not run out of all waits. True after a long gap: questions of both of us before it
/// may never be answered, and the far end may wake up later than we do, so it has the whole timeout once more. But only
/// once, or a machine that never gets its turn in time would never give a link up.
bool Keepalive::forgive(Time now) {
  const auto away = absence_.look(now);
  heard_.since = std::min(heard_.since + away, now);
  wrote_.since = std::min(wrote_.since + away, now);
  if (probe_until_) *probe_until_ += away;
  const auto limit = probe_until_ ? std::min(probe_limit_, limits_.timeout) : limits_.timeout;
  if (away < limit / 4) return false;
  begin_anew(wrote_, now);
  if (!begin_anew(heard_, now)) return false;
  if (probe_until_) probe_until_ = now + probe_limit_;
  return true;
}

bool Keepalive::begin_anew(Silence& silence, Time now) {
  if (silence.excused) return false;
  silence = {now, true};
  return true;
}

}  // namespace tfunnel::core
