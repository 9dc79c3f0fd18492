// How much may be on its way to the far end: enough to fill the link, not enough to make a queue.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// A tunnel feels slow because of the queue below it: the pipe, ssh's buffers, TCP's send buffer
/// under ssh. This keeps that queue short without knowing what it is made of. The far end says how
/// many link bytes it has consumed, and when by its own clock; from these come the largest delivery
/// rate and the smallest round trip, as in BBR (Cardwell et al., 2016), and the bound on what is in
/// flight: rate x (round trip + a few milliseconds).
///
/// The far clock tells the two directions apart: acknowledgements that wait in the other direction's
/// queue must neither look like a slow link nor hold ours back.
///
/// On a pipe within one machine the bound is megabytes and never reached; on a serial line it is two small frames.
class Pacer {
 public:
  /// `hint`: bytes a second that the link carries at most, where something tells (a serial line); else 0.
  explicit Pacer(double hint = 0);

  /// `bytes` more were handed to the link. `limited_by_us`: there was nothing more to send, so that
  /// the rate says nothing of the link.
  void sent(Time now, std::size_t bytes, bool limited_by_us);
  /// `bytes` went out that the far end may count or not, depending on where it began to listen. They have no part in
  /// what is in flight.
  void sent_aside(std::size_t bytes) { most_ahead_ += bytes; }
  /// The far end had consumed `total` bytes since the start of the link when its clock, of any origin,
  /// showed `far_time`. False: more than were sent, those aside included.
  [[nodiscard]] bool acknowledged(Time now, std::uint64_t total, Duration far_time);

  /// Bytes that may be in flight at most. Grows with time while acknowledgements are awaited.
  [[nodiscard]] std::size_t bound(Time now) const;
  /// When `bytes` more may be sent if nothing is heard until then; nothing: an acknowledgement must come first.
  [[nodiscard]] std::optional<Time> ready_at(Time now, std::size_t bytes) const;
  [[nodiscard]] std::size_t in_flight() const { return static_cast<std::size_t>(sent_ - delivered_); }
  /// The largest frame that does not become a queue by itself.
  [[nodiscard]] std::size_t frame_limit() const;
  /// How long such a frame takes on the link; zero as long as nothing is known about that.
  [[nodiscard]] Duration time_of_frame() const;

  /// Bytes a second; 0 before the first measurement.
  [[nodiscard]] double rate() const { return rate_; }
  /// Of an empty link; 0 before the first measurement.
  [[nodiscard]] Duration round_trip() const;

 private:
  struct Flight {
    std::uint64_t end;  // sent_ after it
    Time sent;
    std::uint64_t delivered;  // base_ when it was sent
    Duration delivered_at;    // far time of that
    Time first_sent;          // when the flight had been sent that was last delivered then
    bool limited_by_us;
    bool large;  // more than a turn's worth, so that its end came later for its size alone
  };
  enum class Phase { startup, drain, probe };

  [[nodiscard]] bool starts_after_pause(Time now) const;
  void measure(Time now, const Flight& flight, Duration far_time);
  void measure_way_there(Time now, Duration trip, bool large);
  void measure_way_back(Time now, Duration trip);
  void take_rate(double rate, bool limited_by_us);
  void notice_slower_link(Time now, double rate);
  void next_round(Time now);
  void start_up();
  void leave_startup_if_full();
  void leave_startup();
  void probe();
  [[nodiscard]] double gain() const;
  [[nodiscard]] Duration unheard(Time now) const;
  [[nodiscard]] std::size_t least_bound() const;

  double hint_;
  std::size_t first_bound_;
  std::deque<Flight> flights_;
  std::uint64_t sent_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t most_ahead_ = 0;  // bytes sent aside
  std::uint64_t ahead_ = 0;       // how many of them the far end counts, as far as it is known
  Duration delivered_at_{};
  // The start of the measurement of bytes that are sent next: the last delivery, or the end of a pause.
  std::uint64_t base_ = 0;
  Duration base_at_{};
  std::uint64_t pause_end_ = 0;  // sent_ then
  Time last_delivered_sent_{};
  bool measured_ = false;

  // The rate's maximum over the current and the last rounds; a round is what was in flight when it began.
  double rate_ = 0;
  std::deque<double> round_rates_;
  std::uint64_t round_end_ = 0;
  bool round_limited_by_us_ = true;
  int slow_samples_ = 0;
  Time slow_since_{};
  double slow_rate_ = 0;

  // Times between the two clocks: the difference of their origins is in both, and cancels in the sum.
  Duration least_there_ = Duration::max();
  Duration least_back_ = Duration::max();
  Duration queue_there_{};  // beyond the least, at the last acknowledgement
  Duration queue_back_{};
  Duration round_queue_{};  // the longest of queue_there_ in this round
  Duration last_round_queue_{};
  Duration late_back_{};                    // how late acknowledgements lately came
  Duration recent_back_ = Duration::max();  // the least since next_back_
  Time next_back_{};
  bool looking_ = false;  // the link is drained to see its true round trip
  Duration looked_there_ = Duration::max();
  Time look_until_{};
  Time next_look_{};

  Phase phase_ = Phase::startup;
  bool untried_ = true;  // the first start-up
  double full_rate_ = 0;
  int rounds_without_growth_ = 0;
  std::size_t cycle_ = 0;
  double rate_before_probe_ = 0;
};

}  // namespace tfunnel::core
