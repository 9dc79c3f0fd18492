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
  };
  std::deque<Piece> queue;
  std::deque<Piece> flying;
  double queued = 0;
  double allowance = 0;

  void put(double bytes, std::optional<Acknowledger::Receipt> receipt = {}) {
    queue.push_back({0, bytes, receipt});
    queued += bytes;
  }

  void pass(double now, double rate, double step, double delay) {
    allowance = std::min(allowance + rate * step, rate * 0.002);
    while (!queue.empty() && allowance > 0) {
      auto& piece = queue.front();
      const auto part = std::min(piece.bytes, std::max(1.0, std::ceil(allowance)));
      allowance -= part;
      queued -= part;
      piece.bytes -= part;
      const bool last = piece.bytes <= 0;
      flying.push_back({now + delay, part, last ? piece.receipt : std::nullopt});
      if (last) queue.pop_front();
    }
    if (queue.empty()) allowance = std::min(allowance, 0.0);
  }
};

struct End {
  Pacer pacer;
  Acknowledger acknowledger;
  Line out;
  bool busy = false;
  double data_received = 0;
  std::vector<double> queue_times;

  void send(double now) {
    if (const auto receipt = acknowledger.take(at(now), busy)) {
      pacer.sent(at(now), 14, true);
      out.put(14, receipt);
    }
    while (busy) {
      const auto frame = pacer.frame_limit();
      const auto bound = pacer.bound(at(now));
      const auto in_flight = pacer.in_flight();
      if (in_flight + std::min(frame, bound) / 2 > bound) return;
      const auto size = std::min(frame, bound - in_flight);
      pacer.sent(at(now), size + 13, false);
      out.put(static_cast<double>(size) + 13);
    }
  }

  void receive(double now, Line& in) {
    for (; !in.flying.empty() && in.flying.front().arrives <= now; in.flying.pop_front()) {
      const auto& piece = in.flying.front();
      acknowledger.received(at(now), static_cast<std::size_t>(piece.bytes), !piece.receipt);
      if (!piece.receipt) data_received += piece.bytes;
      if (!piece.receipt) continue;
      ASSERT_TRUE(pacer.acknowledged(at(now), piece.receipt->total, piece.receipt->at.time_since_epoch()));
    }
  }
};

struct Simulation {
  explicit Simulation(double bytes_a_second) : rate(bytes_a_second) {}

  double rate;
  double delay = 0.02;
  double step = 1e-4;
  double now = 0;
  End ends[2];

  void run(double seconds) {
    for (auto& end : ends) {
      end.data_received = 0;
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
