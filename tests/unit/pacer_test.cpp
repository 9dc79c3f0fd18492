// The pacer and the acknowledger on both ends of a simulated link: what they promise is measured in
// virtual time, so the figures are exact and repeatable.
#include "common/core/pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "common/core/acknowledger.hpp"

namespace tfunnel::core {
namespace {

using Seconds = std::chrono::duration<double>;

Time at(double seconds) { return Time{} + std::chrono::duration_cast<Duration>(Seconds(100 + seconds)); }

/// One direction: a queue ahead of a bottleneck, then a delay.
struct Line {
  struct Piece {
    double arrives = 0;
    double bytes = 0;
    std::optional<Acknowledger::Receipt> receipt;
    bool is_ack = false;
  };
  std::deque<Piece> queue;
  std::deque<Piece> flying;
  double queued = 0;
  double allowance = 0;
  double saved_up = 0.002;  // seconds' worth that an idle line passes at once, as a modem's buffer may

  void put(double bytes, std::optional<Acknowledger::Receipt> receipt = {}) {
    queue.push_back({0, bytes, receipt, receipt.has_value()});
    queued += bytes;
  }

  void pass(double now, double rate, double step, double delay) {
    allowance = std::min(allowance + rate * step, std::max(rate * saved_up, 1.0));
    while (!queue.empty() && allowance > 0) {
      auto& piece = queue.front();
      const auto part = std::min(piece.bytes, std::max(1.0, std::ceil(allowance)));
      allowance -= part;
      queued -= part;
      piece.bytes -= part;
      const bool last = piece.bytes <= 0;
      flying.push_back({now + delay, part, last ? piece.receipt : std::nullopt, piece.is_ack});
      if (last) queue.pop_front();
    }
    if (queue.empty() && saved_up < 0.01) allowance = std::min(allowance, 0.0);
  }
};

struct End {
  Pacer pacer;
  Acknowledger acknowledger = {};
  Line out = {};
  bool busy = false;
  std::size_t datagram = 0;  // what it sends cannot be cut: so many bytes each
  double data_received = 0;
  double acks_received = 0;
  std::vector<double> queue_times = {};

  void send(double now) {
    if (const auto receipt = acknowledger.take(at(now), busy)) {
      pacer.sent(at(now), 14, !busy);
      out.put(14, receipt);
    }
    while (busy) {
      const auto frame = pacer.frame_limit();
      const auto bound = pacer.bound(at(now));
      const auto in_flight = pacer.in_flight();
      if (in_flight + std::min(frame, bound) / 2 > bound) return;
      const auto size = datagram > 0 ? datagram : std::min(frame, bound - in_flight);
      pacer.sent(at(now), size + 13, false);
      out.put(static_cast<double>(size) + 13);
    }
  }

  void receive(double now, Line& in) {
    for (; !in.flying.empty() && in.flying.front().arrives <= now; in.flying.pop_front()) {
      const auto& piece = in.flying.front();
      acknowledger.received(at(now), static_cast<std::size_t>(piece.bytes), !piece.is_ack);
      (piece.is_ack ? acks_received : data_received) += piece.bytes;
      if (!piece.receipt) continue;
      ASSERT_TRUE(pacer.acknowledged(at(now), piece.receipt->total, piece.receipt->at.time_since_epoch()));
    }
  }
};

struct Simulation {
  explicit Simulation(double bytes_a_second, double hint = 0)
      : rate(bytes_a_second), ends{End{Pacer(hint)}, End{Pacer(hint)}} {
    for (auto& end : ends) {
      end.pacer.sent(at(0), hello, true);
      end.out.put(hello);
    }
  }

  static constexpr std::size_t hello = 40;

  double rate;
  double delay = 0.02;
  double step = 1e-4;
  double now = 0;
  End ends[2];

  void run(double seconds) {
    for (auto& end : ends) {
      end.data_received = end.acks_received = 0;
      end.queue_times.clear();
    }
    for (const double until = now + seconds; now < until; now += step) {
      for (int side = 0; side < 2; ++side) {
        auto& end = ends[side];
        end.send(now);
        end.out.pass(now, rate, step, delay);
        ends[1 - side].receive(now, end.out);
        end.queue_times.push_back(end.out.queued / rate * 1000);
      }
    }
    measured = seconds;
  }
  /// Share of the link that data from `side` used.
  [[nodiscard]] double use(int side) const { return ends[1 - side].data_received / measured / rate; }
  /// Share of the link that acknowledgements of what `side` sends used on their way back.
  [[nodiscard]] double acks(int side) const { return ends[side].acks_received / measured / rate; }
  /// Seconds until `bytes` that `side` begins to send now have arrived.
  double time_for(int side, double bytes) {
    ends[side].busy = true;
    const auto start = now;
    for (auto left = bytes; left > 0 && now < start + 60; left -= ends[1 - side].data_received) run(0.002);
    return now - start;
  }
  /// Milliseconds of queue ahead of the bottleneck; `part` 0.5 is the median.
  double queue(int side, double part) {
    auto& times = ends[side].queue_times;
    std::sort(times.begin(), times.end());
    return times[static_cast<std::size_t>(static_cast<double>(times.size() - 1) * part)];
  }
  double measured = 0;
};

class SteadyLink : public testing::TestWithParam<double> {};

TEST_P(SteadyLink, FullInOneDirectionKeepsItsQueueShort) {
  Simulation link{GetParam()};
  link.ends[0].busy = true;
  link.run(2);
  link.run(12);
  EXPECT_GT(link.use(0), 0.95);
  EXPECT_LT(link.queue(0, 0.5), 10);
  EXPECT_LT(link.queue(0, 0.99), 20);
}

TEST_P(SteadyLink, FullInBothDirectionsDoesNotMakeThemPushEachOther) {
  Simulation link{GetParam()};
  link.ends[0].busy = link.ends[1].busy = true;
  link.run(2);
  link.run(12);
  for (const int side : {0, 1}) {
    EXPECT_GT(link.use(side), 0.93);
    EXPECT_LT(link.queue(side, 0.5), 10);
    EXPECT_LT(link.queue(side, 0.99), 25);
  }
}

INSTANTIATE_TEST_SUITE_P(BytesASecond, SteadyLink, testing::Values(250e3, 4e6, 40e6));

/// A serial line: bytes a second, and whether it passes a tenth of a second's worth at once when it was idle.
struct Serial {
  double rate;
  bool saves_up;
};
void PrintTo(const Serial& line, std::ostream* out) { *out << line.rate << (line.saves_up ? " in pieces" : ""); }

class SerialLine : public testing::TestWithParam<Serial> {
 protected:
  static Simulation make(double hint = 0) {
    Simulation link{GetParam().rate, hint};
    link.delay = 0.005;
    link.step = 5e-4;
    if (GetParam().saves_up) link.ends[0].out.saved_up = link.ends[1].out.saved_up = 0.1;
    link.run(3);
    return link;
  }
  /// Milliseconds that so many frames of the size that suits the line take.
  static double frames(Simulation& link, double count) {
    return 1000 * count * static_cast<double>(link.ends[0].pacer.frame_limit()) / link.rate;
  }
};

TEST_P(SerialLine, FullInOneDirectionHasAQueueOfAFrameOrTwo) {
  auto link = make();
  link.ends[0].busy = true;
  link.run(40);
  link.run(80);
  EXPECT_GT(link.use(0), 0.9);
  EXPECT_LE(link.ends[0].pacer.frame_limit(), std::max<std::size_t>(128, static_cast<std::size_t>(link.rate / 20)));
  EXPECT_LT(link.queue(0, 0.5), frames(link, 2.2));
  EXPECT_LT(link.queue(0, 0.99), frames(link, 3));
}

TEST_P(SerialLine, AcknowledgementsLeaveTheOtherDirectionFree) {
  auto link = make();
  link.ends[0].busy = true;
  link.run(40);
  link.run(80);
  EXPECT_LT(link.acks(0), 0.2);
  EXPECT_LT(link.queue(1, 0.99), 200);
}

TEST_P(SerialLine, FullInBothDirectionsDoesNotMakeThemPushEachOther) {
  auto link = make();
  link.ends[0].busy = link.ends[1].busy = true;
  link.run(40);
  link.run(80);
  for (const int side : {0, 1}) {
    EXPECT_GT(link.use(side) + link.acks(1 - side), 0.9);
    EXPECT_LT(link.queue(side, 0.5), frames(link, 2.5));
    EXPECT_LT(link.queue(side, 0.9), frames(link, 8));
  }
}

TEST_P(SerialLine, BeginsWithAFewKilobytesAndWithLessIfTheSpeedIsKnown) {
  for (const double hint : {0.0, 3840.0, GetParam().rate}) {
    auto link = make(hint);
    link.ends[0].busy = true;
    link.run(20);
    const double first = hint > 0 ? std::max(512.0, hint / 5) : 4096;
    EXPECT_LT(link.queue(0, 1), std::max(1000 * (first + 600) / link.rate + frames(link, 4), 700.0)) << "told " << hint;
  }
}

INSTANTIATE_TEST_SUITE_P(Baud, SerialLine,
                         testing::Values(Serial{240, false}, Serial{240, true}, Serial{960, false}, Serial{960, true},
                                         Serial{11'520, false}, Serial{11'520, true}));

// The time that it took when 48 KiB went before the first acknowledgement.
TEST(Pacer, FastLinkIsFullAsSoonAsWhenItBeganWithMore) {
  Simulation link{100e6};
  link.delay = 0.05;
  link.run(1);
  EXPECT_LT(link.time_for(0, 10e6), 0.71);
}

TEST(Pacer, LinkOnOneMachineIsFullWithinMilliseconds) {
  Simulation link{1e9};
  link.delay = link.step = 2e-5;
  link.run(1);
  EXPECT_LT(link.time_for(0, 1e6), 0.01);
}

TEST(Pacer, FirstRoundsDoNotOvershootALinkWithAShortQueue) {
  for (const double rate : {250e3, 4e6, 40e6}) {
    Simulation link{rate};
    link.run(1);
    link.ends[0].busy = true;
    link.run(2);
    // Three times what fills the link is what it takes to see that it is full.
    EXPECT_LT(link.queue(0, 1), 3 * 2 * 1000 * link.delay) << rate;
  }
}

// Its end comes a quarter of a second after its beginning, for its size alone: that is no round trip.
TEST(Pacer, LargeDatagramsDoNotMakeTheLinkSeemLong) {
  Simulation link{250e3};
  link.run(1);
  link.ends[0].busy = true;
  link.ends[0].datagram = 60'000;
  for (int i = 0; i < 60; ++i) {
    link.run(1);
    EXPECT_LT(link.ends[0].pacer.bound(at(link.now)), 0.1 * link.rate);
  }
}

TEST(Pacer, SlowerLinkDoesNotKeepItsOldQueue) {
  Simulation link{4e6};
  link.ends[0].busy = true;
  link.run(3);
  link.rate /= 20;
  link.run(4);
  link.run(6);
  EXPECT_GT(link.use(0), 0.9);
  EXPECT_LT(link.queue(0, 0.9), 40);
}

TEST(Pacer, FasterLinkIsSoonUsed) {
  Simulation link{200e3};
  link.ends[0].busy = true;
  link.run(3);
  link.rate *= 20;
  link.run(3);
  link.run(6);
  EXPECT_GT(link.use(0), 0.9);
  EXPECT_LT(link.queue(0, 0.5), 12);
}

TEST(Pacer, FarEndThatPausesForSecondsGetsNoMoreThanTheBound) {
  Simulation link{4e6};
  link.ends[0].busy = true;
  link.run(3);
  const auto bound = link.ends[0].pacer.bound(at(link.now));
  for (int i = 0; i < 20'000; ++i, link.now += link.step) link.ends[0].send(link.now);
  EXPECT_LT(link.ends[0].pacer.in_flight(), 2 * bound);
  link.run(1);
  link.run(4);
  EXPECT_GT(link.use(0), 0.9);
}

TEST(Pacer, SideThatOnlyAcknowledgedForLongCanStillSend) {
  Simulation link{4e6};
  link.ends[0].busy = true;
  link.run(60);
  link.ends[1].busy = true;
  link.run(2);
  EXPECT_GT(link.use(1), 0.5);
}

TEST(Pacer, IdleEndsFallSilent) {
  Simulation link{4e6};
  link.ends[0].busy = true;
  link.run(5);
  link.ends[0].busy = false;
  link.run(1);
  EXPECT_FALSE(link.ends[0].acknowledger.deadline());
  EXPECT_FALSE(link.ends[1].acknowledger.deadline());
}

TEST(Pacer, AckOfWhatWasNeverSentIsRefused) {
  Pacer pacer;
  pacer.sent(at(0), 10, false);
  EXPECT_FALSE(pacer.acknowledged(at(1), 11, Duration::zero()));
  EXPECT_TRUE(pacer.acknowledged(at(1), 10, Duration::zero()));
}

TEST(Pacer, NonsenseFromTheFarClockIsSurvived) {
  Pacer pacer;
  for (std::uint64_t i = 1; i < 1000; ++i) {
    pacer.sent(at(static_cast<double>(i)), 1000, false);
    const auto far = std::chrono::microseconds((i * 7919) % 3 == 0 ? 1LL << 52 : static_cast<long long>(i));
    EXPECT_TRUE(pacer.acknowledged(at(static_cast<double>(i) + 0.1), i * 1000, far));
    EXPECT_GE(pacer.round_trip(), Duration::zero());
    EXPECT_GT(pacer.bound(at(static_cast<double>(i) + 0.2)), 0U);
  }
}

}  // namespace
}  // namespace tfunnel::core
