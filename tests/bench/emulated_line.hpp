// One direction of an emulated link: a sender's buffer, a bottleneck, a propagation delay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace bench {

using Nanoseconds = std::int64_t;

constexpr Nanoseconds kNever = INT64_MAX;
constexpr Nanoseconds kSecond = 1'000'000'000;

Nanoseconds monotonic_now();

struct LineSettings {
  double rate = 1e6;             // bytes a second
  double max_rate = 1e6;         // the highest that any schedule will set
  Nanoseconds delay = 0;         // one way
  std::size_t buffer = 1 << 20;  // bytes that the sender may have ahead of the bottleneck
};

// Bytes go: input descriptor -> buffer -> the line, one segment at a time at `rate` -> `delay` ->
// output descriptor. The line keeps a clock of its own: as long as there is a backlog, the next
// segment starts when the last one ended, however late this process gets to run, so no capacity
// is lost to scheduling.
class EmulatedLine {
 public:
  EmulatedLine(int in, int out, const LineSettings& settings);

  // Does all that is due; call it whenever a descriptor is ready or the deadline has come.
  void advance();

  void set_rate(double rate);  // 0: the line stands still

  [[nodiscard]] Nanoseconds deadline() const;
  [[nodiscard]] bool wants_input() const { return in_ >= 0 && queued() < settings_.buffer; }
  [[nodiscard]] bool wants_output() const { return out_ >= 0 && deliverable_ > delivered_; }
  [[nodiscard]] bool finished() const { return out_ < 0; }
  [[nodiscard]] int in() const { return in_; }
  [[nodiscard]] int out() const { return out_; }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::size_t most_queued() const { return most_queued_; }

 private:
  struct Segment {
    std::uint64_t end;  // its last byte's position in the stream
    Nanoseconds due;
  };

  [[nodiscard]] std::size_t queued() const { return std::size_t(read_ - serialised_); }
  [[nodiscard]] bool far_side_full() const { return serialised_ - delivered_ >= in_flight_limit_; }
  void read_input(Nanoseconds now);
  void serialise(Nanoseconds now);
  void start_segment();
  void deliver(Nanoseconds now);
  void close_input();
  void close_output();

  int in_;
  int out_;
  LineSettings settings_;
  std::size_t in_flight_limit_;
  std::vector<char> ring_;
  // Positions in the stream: delivered_ <= deliverable_ <= serialised_ <= read_.
  std::uint64_t read_ = 0;
  std::uint64_t serialised_ = 0;
  std::uint64_t deliverable_ = 0;
  std::uint64_t delivered_ = 0;
  std::deque<Segment> in_flight_;
  std::size_t segment_ = 0;  // bytes on their way through the bottleneck; 0: it is idle
  Nanoseconds segment_ends_ = 0;
  Nanoseconds line_free_ = 0;
  Nanoseconds ready_at_ = 0;  // when an idle line got something to do
  std::size_t most_queued_ = 0;
};

}  // namespace bench
