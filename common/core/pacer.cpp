#include "common/core/pacer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace tfunnel::core {

namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

// The queue that may stand below us, in time: it keeps the link busy while acknowledgements travel in lumps.
constexpr Duration usual_standing_queue = milliseconds(6);
// The time between two acknowledgements; more on a slow line, but never more than latest_ack.
constexpr Duration ack_interval = milliseconds(4);
constexpr Duration latest_ack = std::chrono::seconds(1);
// A frame takes at most this long on the link, since a sparse flow may have to wait for one.
constexpr Seconds frame_time = milliseconds(2);
// Less than a packet costs more than it helps, but on a line that needs too long for a packet. There it may be as small
// as its header allows.
constexpr std::size_t usual_frame = 1400;
constexpr Seconds slow_frame_time = milliseconds(50);
constexpr std::size_t least_frame = 128;
// Fewer and larger frames cost less; on a link that fast this one takes less than the two milliseconds.
constexpr std::size_t most_frame = 1U << 20;
// Before anything is known: a serial line carries this in a third of a second, and a fast link has soon asked for more.
constexpr std::size_t most_first_bound = 4U << 10;
constexpr std::size_t least_first_bound = 512;
constexpr Seconds first_time = milliseconds(200);
// A frame that takes this long to get through shows that the line is slow, before there is a measurement.
constexpr Duration slow_line_queue = milliseconds(250);
// Two ends that are idle owe each other acknowledgements of less than this.
constexpr std::size_t never_acknowledged = 1U << 10;
// A far end that acknowledges nothing must not make us remember for ever.
constexpr std::size_t most_flights = 8192;

// Doubling, and room for acknowledgements that are a round late. As long as what a round sent made hardly a queue, the
// link can take much more: that queue tells how much, and a third is added to see it grow.
constexpr double least_startup_gain = 2.9;
constexpr double most_startup_gain = 8;
constexpr double beyond_queue = 1.3;
constexpr double growth = 1.25;
constexpr int rounds_to_be_full = 3;
constexpr std::size_t kept_rounds = 8;
// One round asks for more, the next gives back the bytes that this put into the queue.
constexpr std::array<double, 8> probe_gains{1.15, 0.88, 1, 1, 1, 1, 1, 1};
// A probe that was answered by this much more means that the link has become faster: start anew.
constexpr double faster_link = 1.08;
constexpr double slower_link = 0.7;
constexpr int samples_to_be_slower = 4;

// Our own queue hides the true round trip, and would hide it better each time it were taken for the
// link's. So the link is drained for a moment now and then, and the measurement of that moment is believed.
constexpr Duration look_interval = std::chrono::seconds(10);
constexpr double drained_gain = 0.5;

double seconds_of(Duration duration) { return Seconds(duration).count(); }

/// The result is a number of bytes even if the far clock talks nonsense.
std::size_t whole(double bytes) { return static_cast<std::size_t>(std::clamp(bytes, 0.0, 1e12)); }

std::size_t frame_at(double rate) {
  const auto least = std::clamp(whole(rate * slow_frame_time.count()), least_frame, usual_frame);
  return std::clamp(whole(rate * frame_time.count()), least, most_frame);
}

/// The queue that may stand: not less than one frame, or the link would idle between two.
Duration standing_queue(double rate) {
  const Seconds frame(static_cast<double>(frame_at(rate)) / std::max(rate, 1.0));
  return std::max(usual_standing_queue, std::chrono::duration_cast<Duration>(frame));
}

/// More than that, surely.
Duration long_queue(double rate) { return 3 * standing_queue(rate); }

std::size_t first_bound(double hint) {
  if (hint <= 0) return most_first_bound;
  return std::clamp(whole(hint * first_time.count()), least_first_bound, most_first_bound);
}

}  // namespace

Pacer::Pacer(double hint) : hint_(hint), first_bound_(first_bound(hint)) {}

/// A link that is tried for the first time has mostly been idle since the greetings. All that was sent before has
/// arrived then, though a few acknowledgements of ours may never be acknowledged.
bool Pacer::starts_after_pause(Time now) const {
  if (!untried_ || !measured_ || in_flight() >= never_acknowledged) return false;
  if (flights_.empty()) return true;
  const auto& last = flights_.back();
  return last.limited_by_us && now - last.sent > round_trip() + milliseconds(100);
}

void Pacer::sent(Time now, std::size_t bytes, bool limited_by_us) {
  // After a pause the measurement starts here, not where the pause began.
  if (in_flight() == 0) last_delivered_sent_ = now;
  if (starts_after_pause(now)) {
    last_delivered_sent_ = now;
    base_ = pause_end_ = sent_;
    // As if an acknowledgement came just now.
    base_at_ = now.time_since_epoch() + least_there_ - round_trip();
  }
  sent_ += bytes;
  if (flights_.size() >= most_flights) {
    flights_.back().end = sent_;
    return;
  }
  const bool large = bytes > 2 * frame_limit();
  flights_.push_back({sent_, now, base_, base_at_, last_delivered_sent_, limited_by_us, large});
}

bool Pacer::acknowledged(Time now, std::uint64_t total, Duration far_time) {
  if (total > sent_ + most_ahead_) return false;
  // Seen at the latest when nothing else is on its way.
  if (total > sent_ + ahead_) ahead_ = total - sent_;
  total -= std::min(total, ahead_);
  if (total <= delivered_) return true;
  delivered_ = total;
  delivered_at_ = far_time;
  if (total > base_) {
    base_ = total;
    base_at_ = far_time;
  }
  Flight last{};
  while (!flights_.empty() && flights_.front().end <= total) {
    last = flights_.front();
    flights_.pop_front();
  }
  if (last.end > 0) measure(now, last, far_time);
  return true;
}

void Pacer::measure(Time now, const Flight& flight, Duration far_time) {
  last_delivered_sent_ = flight.sent;
  measure_way_there(now, far_time - flight.sent.time_since_epoch(), flight.large);
  measure_way_back(now, now.time_since_epoch() - far_time);
  // The slower of the two, sending or delivering, was the bottleneck (as in BBR).
  const auto elapsed = std::max(flight.sent - flight.first_sent, far_time - flight.delivered_at);
  const auto bytes = delivered_ - flight.delivered;
  // The first bytes after a pause may pass a line at once that has saved up for them (a modem's buffer).
  const bool telling = flight.delivered != pause_end_ || bytes >= first_bound_ - first_bound_ / 4;
  if (measured_ && telling && elapsed > Duration::zero()) {
    const double rate = static_cast<double>(bytes) / seconds_of(elapsed);
    take_rate(rate, flight.limited_by_us);
    if (!flight.limited_by_us) notice_slower_link(now, rate);
  }
  measured_ = true;
  if (!flight.limited_by_us) round_limited_by_us_ = false;
  if (delivered_ >= round_end_) next_round(now);
}

void Pacer::measure_way_there(Time now, Duration trip, bool large) {
  least_there_ = std::min(least_there_, trip);
  if (!large) looked_there_ = std::min(looked_there_, trip);
  queue_there_ = trip - least_there_;
  round_queue_ = std::max(round_queue_, queue_there_);
  if (looking_) {
    if (now < look_until_) return;
    if (looked_there_ != Duration::max()) least_there_ = looked_there_;
    looking_ = false;
    next_look_ = now + look_interval;
  } else if (phase_ == Phase::probe && now >= next_look_) {
    looking_ = true;
    // One round trip until the queue is gone, one to see it.
    look_until_ = now + 2 * (round_trip() + queue_there_ + queue_back_) + milliseconds(10);
    looked_there_ = Duration::max();
  }
}

// The far end drains that direction as we drain ours, so its smallest value comes by itself.
void Pacer::measure_way_back(Time now, Duration trip) {
  recent_back_ = std::min(recent_back_, trip);
  if (trip < least_back_) least_back_ = trip;
  if (now >= next_back_) {
    least_back_ = recent_back_;
    recent_back_ = Duration::max();
    next_back_ = now + 2 * look_interval;
  }
  queue_back_ = std::max(trip - least_back_, Duration::zero());
  late_back_ = std::max(queue_back_, late_back_ - late_back_ / 32);
}

Duration Pacer::round_trip() const {
  if (least_there_ == Duration::max()) return Duration::zero();
  // Two clocks that drift, or a far end that makes its times up, may give less than nothing.
  return std::max(least_there_ + least_back_, Duration::zero());
}

void Pacer::take_rate(double rate, bool limited_by_us) {
  if (limited_by_us && rate < rate_) return;
  if (round_rates_.empty()) round_rates_.push_back(0);
  round_rates_.back() = std::max(round_rates_.back(), rate);
  rate_ = std::max(rate_, rate);
}

// The maximum would remember a link's better days for many rounds, and each of those would be a long
// one. Samples that agree for a while, with a queue to show for it, are believed.
void Pacer::notice_slower_link(Time now, double rate) {
  if (rate >= slower_link * rate_ || queue_there_ < long_queue(rate_)) {
    slow_samples_ = 0;
    return;
  }
  if (slow_samples_++ == 0) {
    slow_since_ = now;
    slow_rate_ = 0;
  }
  slow_rate_ = std::max(slow_rate_, rate);
  if (slow_samples_ < samples_to_be_slower || now - slow_since_ < round_trip() + milliseconds(20)) return;
  rate_ = slow_rate_;
  round_rates_.assign(1, slow_rate_);
  slow_samples_ = 0;
  if (phase_ == Phase::startup) leave_startup();
}

void Pacer::next_round(Time now) {
  round_end_ = sent_;
  last_round_queue_ = std::exchange(round_queue_, Duration::zero());
  const bool limited_by_us = std::exchange(round_limited_by_us_, true);
  // A round in which there was little to send proves nothing.
  if (limited_by_us && phase_ != Phase::drain) return;
  if (phase_ == Phase::startup) {
    leave_startup_if_full();
  } else if (phase_ == Phase::probe) {
    probe();
  } else if (in_flight() <= bound(now)) {
    phase_ = Phase::probe;
    cycle_ = 2;
    rate_before_probe_ = rate_;
  }
  round_rates_.push_back(0);
  if (round_rates_.size() > kept_rounds) round_rates_.pop_front();
  const double kept = *std::max_element(round_rates_.begin(), round_rates_.end());
  if (kept > 0) rate_ = kept;
}

void Pacer::start_up() {
  phase_ = Phase::startup;
  full_rate_ = rate_;
  rounds_without_growth_ = 0;
}

void Pacer::leave_startup_if_full() {
  if (rate_ >= full_rate_ * growth) {
    full_rate_ = rate_;
    rounds_without_growth_ = 0;
    return;
  }
  ++rounds_without_growth_;
  // A queue without growth is proof enough; without a queue it may have been chance.
  if (rounds_without_growth_ >= rounds_to_be_full || queue_there_ > long_queue(rate_)) leave_startup();
}

void Pacer::leave_startup() {
  phase_ = Phase::drain;
  untried_ = false;
}

void Pacer::probe() {
  if (cycle_ == 0) rate_before_probe_ = rate_;
  if (cycle_ == 2 && rate_ > rate_before_probe_ * faster_link) return start_up();
  cycle_ = (cycle_ + 1) % probe_gains.size();
}

double Pacer::gain() const {
  if (looking_) return drained_gain;
  if (phase_ == Phase::startup) {
    const auto queue = std::max({round_queue_, last_round_queue_, Duration(1)});
    const double room = beyond_queue * seconds_of(round_trip()) / seconds_of(queue);
    return std::clamp(room, least_startup_gain, most_startup_gain);
  }
  return phase_ == Phase::drain ? 1 : probe_gains[cycle_];
}

// The far end goes on consuming while its acknowledgements wait in the other direction's queue. What
// it must have consumed by now is counted as gone, so that late acknowledgements make no gaps and no
// bursts; but no longer than they have lately been late, for it may really have stopped.
Duration Pacer::unheard(Time now) const {
  const auto silence = now.time_since_epoch() - delivered_at_ - least_back_;
  return std::clamp(silence, Duration::zero(), std::min(late_back_ + late_back_ / 2, latest_ack) + ack_interval);
}

/// Below this the link idles: one frame on its way, and one that waits for it.
std::size_t Pacer::least_bound() const {
  if (untried_ && queue_there_ < slow_line_queue) return first_bound_;
  return looking_ ? frame_limit() : 2 * frame_limit();
}

std::size_t Pacer::bound(Time now) const {
  if (!measured_ || rate_ == 0) return least_bound();
  const auto queues = looking_ ? Duration::zero() : standing_queue(rate_);
  const double time = gain() * seconds_of(round_trip()) + seconds_of(queues + unheard(now));
  return std::max(whole(rate_ * time), least_bound());
}

std::optional<Time> Pacer::ready_at(Time now, std::size_t bytes) const {
  if (rate_ == 0) return std::nullopt;
  const auto wanted = in_flight() + bytes;
  const auto most = bound(now);
  if (wanted <= most) return now;
  const double missing = std::min(static_cast<double>(wanted - most) / rate_, seconds_of(latest_ack));
  const auto wait = std::chrono::duration_cast<Duration>(Seconds(missing));
  if (bound(now + wait) + usual_frame < wanted) return std::nullopt;
  return now + wait;
}

std::size_t Pacer::frame_limit() const {
  if (rate_ > 0) return frame_at(rate_);
  return hint_ > 0 ? frame_at(hint_) : queue_there_ < slow_line_queue ? usual_frame : least_frame;
}

Duration Pacer::time_of_frame() const {
  const double rate = rate_ > 0 ? rate_ : hint_;
  if (rate <= 0) return Duration::zero();
  return std::chrono::duration_cast<Duration>(Seconds(static_cast<double>(frame_limit()) / std::max(rate, 1.0)));
}

}  // namespace tfunnel::core
