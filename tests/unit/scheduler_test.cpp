// Whose turn it is: nobody starves, newcomers go first, bulk flows share.
#include "common/core/scheduler.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Scheduler;
using core::Turn;
constexpr std::size_t quantum = 1000;

TEST(Scheduler, EmptyRingGivesNobody) {
  Scheduler scheduler(quantum);
  EXPECT_TRUE(scheduler.empty());
  EXPECT_EQ(scheduler.next(), nullptr);
}

TEST(Scheduler, BulkFlowsShareByBytesNotByFrames) {
  Scheduler scheduler(quantum);
  std::array<Turn, 4> turns;
  std::array<std::size_t, 4> sent{};
  const std::array<std::size_t, 4> frame{1, 100, 999, 5000};
  for (auto& turn : turns) scheduler.add(turn);
  for (int i = 0; i < 200'000; ++i) {
    auto* turn = scheduler.next();
    const auto which = static_cast<std::size_t>(turn - turns.data());
    sent[which] += frame[which];
    scheduler.used(*turn, frame[which]);
  }
  for (const auto bytes : sent) EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(sent[0]), 6000);
}

TEST(Scheduler, NewFlowGoesBeforeThoseThatKeepSending) {
  Scheduler scheduler(quantum);
  Turn bulk;
  Turn other;
  scheduler.add(bulk);
  scheduler.used(bulk, 3 * quantum);
  scheduler.add(other);
  EXPECT_EQ(scheduler.next(), &other);
}

TEST(Scheduler, FlowThatReturnsAsBulkHasNoPrecedence) {
  Scheduler scheduler(quantum);
  Turn first;
  Turn second;
  scheduler.add(first);
  scheduler.used(first, quantum);
  scheduler.add(second, true);
  EXPECT_EQ(scheduler.next(), &first);
}

TEST(Scheduler, FlowsThatComeAndGoCannotStarveABulkFlow) {
  Scheduler scheduler(quantum);
  Turn bulk;
  scheduler.add(bulk);
  scheduler.used(bulk, quantum);
  std::vector<std::unique_ptr<Turn>> sparse;
  for (int i = 0; i < 20; ++i) sparse.push_back(std::make_unique<Turn>());
  int served = 0;
  for (int i = 0; i < 1000; ++i) {
    for (auto& turn : sparse) scheduler.add(*turn);  // each is back as soon as it has gone
    auto* turn = scheduler.next();
    if (turn == &bulk) {
      ++served;
      scheduler.used(bulk, quantum);
    } else {
      scheduler.finished(*turn, 10);
    }
  }
  EXPECT_GE(served, 10);
}

TEST(Scheduler, OneOfTheLargeOnesGoesBetweenTheTurnsOfAllOthers) {
  Scheduler scheduler(quantum);
  std::array<Turn, 20> large;
  std::array<Turn, 3> bulk;
  for (auto& turn : large) scheduler.add(turn);
  for (auto& turn : large) {
    ASSERT_EQ(scheduler.next(), &turn);
    scheduler.defer(turn);
  }
  for (auto& turn : bulk) scheduler.add(turn, true);
  int since_bulk = 0;
  std::array<std::size_t, 2> sent{};
  for (int i = 0; i < 20'000; ++i) {
    auto* turn = scheduler.next();
    const bool is_large = Scheduler::is_large(*turn);
    since_bulk = is_large ? since_bulk + 1 : 0;
    EXPECT_LE(since_bulk, 1);
    const auto size = is_large ? 40 * quantum : quantum;
    sent[is_large ? 1 : 0] += size;
    scheduler.used(*turn, size);
  }
  EXPECT_NEAR(static_cast<double>(sent[1]) / static_cast<double>(sent[0]), 20.0 / 3, 0.5);
}

TEST(Scheduler, DebtOfALargeOneIsForgottenWhenNobodyWaits) {
  Scheduler scheduler(quantum);
  Turn turn;
  Turn other;
  scheduler.add(turn);
  scheduler.defer(turn);
  EXPECT_EQ(scheduler.next(), &turn);
  scheduler.finished(turn, 60 * quantum);
  EXPECT_TRUE(scheduler.empty());
  EXPECT_EQ(scheduler.next(), nullptr);
  scheduler.add(other, true);
  scheduler.used(other, quantum);
  scheduler.add(turn);
  scheduler.defer(turn);
  for (int i = 0; i < 3 && scheduler.next() == &other; ++i) scheduler.used(other, quantum);
  EXPECT_EQ(scheduler.next(), &turn);
}

TEST(Scheduler, LargeOneThatComesBackAtOnceStillOwesWhatItSent) {
  Scheduler scheduler(quantum);
  Turn turn;
  Turn other;
  scheduler.add(other, true);
  std::array<std::size_t, 2> sent{};
  for (int i = 0; i < 10'000; ++i) {
    scheduler.add(turn);
    auto* next = scheduler.next();
    if (next == &other) {
      sent[0] += quantum;
      scheduler.used(other, quantum);
    } else if (!Scheduler::is_large(turn)) {
      scheduler.defer(turn);
    } else {
      sent[1] += 30 * quantum;
      scheduler.finished(turn, 30 * quantum);
    }
  }
  EXPECT_NEAR(static_cast<double>(sent[1]) / static_cast<double>(sent[0]), 1, 0.1);
}

TEST(Scheduler, EveryWaitingFlowIsAskedInTheEnd) {
  Scheduler scheduler(quantum);
  Random random(5);
  std::array<Turn, 50> turns;
  for (auto& turn : turns) scheduler.add(turn, random.one_in(2));
  std::vector<int> asked(turns.size());
  for (int i = 0; i < 5000; ++i) {
    auto* turn = scheduler.next();
    ASSERT_NE(turn, nullptr);
    ++asked[static_cast<std::size_t>(turn - turns.data())];
    scheduler.used(*turn, random.below(3 * quantum));
  }
  for (const auto count : asked) EXPECT_GT(count, 20);
}

TEST(Scheduler, AddingTwiceCountsOnce) {
  Scheduler scheduler(quantum);
  Turn turn;
  scheduler.add(turn);
  scheduler.add(turn);
  scheduler.finished(turn, 1);
  EXPECT_TRUE(scheduler.empty());
}

TEST(Scheduler, DestroyedFlowLeavesTheRing) {
  Scheduler scheduler(quantum);
  {
    Turn turn;
    scheduler.add(turn);
  }
  EXPECT_TRUE(scheduler.empty());
  EXPECT_EQ(scheduler.next(), nullptr);
}

TEST(Scheduler, RemovedFlowMayStillReportWhatItSent) {
  Scheduler scheduler(quantum);
  Turn turn;
  scheduler.add(turn);
  scheduler.remove(turn);
  scheduler.used(turn, 10 * quantum);
  scheduler.finished(turn, 1);
  EXPECT_TRUE(scheduler.empty());
}

}  // namespace
}  // namespace tfunnel::test
