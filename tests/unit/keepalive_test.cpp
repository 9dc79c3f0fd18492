// When the far end, or a UDP flow, counts as gone.
#include "common/core/keepalive.hpp"
#include "tests/unit/support/time.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::Keepalive;
using core::Patience;
using Action = Keepalive::Action;
using namespace std::chrono_literals;

constexpr Keepalive::Limits limits{20s, 60s};

TEST(Keepalive, SilenceIsPingedThenFatal) {
  Keepalive keepalive(limits, start);
  EXPECT_EQ(keepalive.check(start + 19s, {}), Action::none);
  EXPECT_EQ(keepalive.check(start + 20s, {}), Action::ping);
  EXPECT_EQ(keepalive.check(start + 59s, {}), Action::ping);
  EXPECT_EQ(keepalive.check(start + 60s, {}), Action::dead);
}

TEST(Keepalive, AnyByteFromTheFarEndStartsAnew) {
  Keepalive keepalive(limits, start);
  keepalive.heard(start + 59s);
  EXPECT_EQ(keepalive.check(start + 78s, {}), Action::none);
  EXPECT_EQ(keepalive.check(start + 80s, {}), Action::ping);
}

TEST(Keepalive, ProbeThatIsNotAnsweredIsFatalSoon) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start + 1s, 5s);
  EXPECT_EQ(keepalive.next_check(start + 1s), 5s);
  EXPECT_EQ(keepalive.check(start + 5s, {}), Action::none);
  EXPECT_EQ(keepalive.check(start + 6s, {}), Action::unanswered);
}

TEST(Keepalive, SecondProbeDoesNotPutOffTheFirst) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start, 5s);
  keepalive.probe(start + 4s, 5s);
  EXPECT_EQ(keepalive.check(start + 5s, {}), Action::unanswered);
}

TEST(Keepalive, AnsweredProbeIsForgotten) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start, 5s);
  keepalive.heard(start + 1s);
  EXPECT_EQ(keepalive.check(start + 5s, {}), Action::none);
  EXPECT_EQ(keepalive.next_check(start + 5s), 15s);
}

TEST(Keepalive, WhoNeverPingsNeverProbes) {
  Keepalive keepalive({0s, 60s}, start);
  keepalive.probe(start, 5s);
  EXPECT_EQ(keepalive.check(start + 100s, {}), Action::none);
}

TEST(Keepalive, FarEndThatTalksButNeverReadsIsStalled) {
  Keepalive keepalive(limits, start);
  keepalive.heard(start + 60s);
  EXPECT_EQ(keepalive.check(start + 60s, {.output = true}), Action::stalled);
  EXPECT_EQ(keepalive.check(start + 60s, {}), Action::none);
  keepalive.wrote(start + 60s);
  EXPECT_EQ(keepalive.check(start + 61s, {.output = true}), Action::none);
}

TEST(Keepalive, SwitchedOffItNeverGivesUp) {
  Keepalive keepalive({0s, 60s}, start);
  EXPECT_FALSE(keepalive.enabled());
  EXPECT_EQ(keepalive.check(start + 24h, {.output = true}), Action::none);
}

TEST(Keepalive, IsCheckedOftenEnoughToKeepItsPromiseButNeverSpins) {
  for (const auto& some : {limits, Keepalive::Limits{1ms, 2ms}, Keepalive::Limits{50s, 60s}}) {
    Keepalive keepalive(some, start);
    EXPECT_GT(keepalive.next_check(start), 0s);
    EXPECT_LE(keepalive.next_check(start), some.interval);
  }
}

TEST(Keepalive, ShortTimeoutStillLeavesTimeForAnAnswer) {
  Keepalive keepalive({50s, 60s}, start);
  auto now = start;
  Action action = Action::none;
  while (action == Action::none) {
    now += keepalive.next_check(now);
    action = keepalive.check(now, {});
  }
  EXPECT_EQ(action, Action::ping);
  EXPECT_EQ(now, start + 50s);
}

/// Checks as a timer would, with time for it until `until`; true if the link was given up.
bool gives_up(Keepalive& keepalive, core::Time from, core::Time until) {
  for (auto now = from + keepalive.next_check(from); now <= until; now += keepalive.next_check(now)) {
    const auto action = keepalive.check(now, {});
    if (action != Action::none && action != Action::ping) return true;
  }
  return false;
}

TEST(Keepalive, FarEndIsAskedAfterAGapBeforeItIsJudged) {
  Keepalive keepalive(limits, start);
  EXPECT_FALSE(gives_up(keepalive, start, start + 30s));
  static_cast<void>(keepalive.next_check(start + 30s));
  const auto back = start + 1h;
  EXPECT_EQ(keepalive.check(back, {}), Action::ping);
  EXPECT_FALSE(gives_up(keepalive, back, back + 59s));
  keepalive.heard(back + 59s);
  EXPECT_FALSE(gives_up(keepalive, back + 59s, back + 110s));
}

TEST(Keepalive, FarEndThatDoesNotAnswerAfterAGapIsDead) {
  Keepalive keepalive(limits, start);
  static_cast<void>(keepalive.next_check(start));
  const auto back = start + 1h;
  EXPECT_EQ(keepalive.check(back, {}), Action::ping);
  EXPECT_TRUE(gives_up(keepalive, back, back + 75s));
}

TEST(Keepalive, OutputThatWaitedDuringAGapIsNotStalled) {
  Keepalive keepalive(limits, start);
  static_cast<void>(keepalive.next_check(start));
  EXPECT_EQ(keepalive.check(start + 1h, {.output = true}), Action::ping);
}

TEST(Keepalive, ProbeBeginsAnewAfterAGap) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start, 5s);
  static_cast<void>(keepalive.next_check(start));
  EXPECT_EQ(keepalive.check(start + 10s, {}), Action::ping);
  EXPECT_EQ(keepalive.check(start + 14s, {}), Action::none);
  EXPECT_EQ(keepalive.check(start + 15s, {}), Action::unanswered);
}

TEST(Keepalive, ProbeThatEndsAGapDoesNotJudgeIt) {
  Keepalive keepalive(limits, start);
  static_cast<void>(keepalive.next_check(start));
  keepalive.probe(start + 1h, 5s);
  EXPECT_EQ(keepalive.check(start + 1h + 4s, {}), Action::none);
  EXPECT_EQ(keepalive.check(start + 1h + 5s, {}), Action::unanswered);
}

TEST(Keepalive, MachineThatIsAlwaysLateStillFindsADeadLink) {
  Keepalive keepalive(limits, start);
  auto now = start;
  Action action = Action::none;
  for (int i = 0; i < 20 && action != Action::dead; ++i) {
    now += keepalive.next_check(now) + 30s;
    action = keepalive.check(now, {});
  }
  EXPECT_EQ(action, Action::dead);
}

TEST(Keepalive, MachineThatIsAlwaysLateStillFindsAFarEndThatTalksButNeverReads) {
  Keepalive keepalive(limits, start);
  auto now = start;
  Action action = Action::none;
  for (int i = 0; i < 20 && action != Action::stalled; ++i) {
    now += keepalive.next_check(now) + 30s;
    keepalive.heard(now);
    action = keepalive.check(now, {.output = true});
  }
  EXPECT_EQ(action, Action::stalled);
}

TEST(Keepalive, WhatWaitsIsReadBeforeTheFarEndIsJudged) {
  Keepalive keepalive(limits, start);
  EXPECT_EQ(keepalive.check(start + 60s, {.input = true}), Action::ping);
  keepalive.probe(start + 61s, 5s);
  EXPECT_EQ(keepalive.check(start + 66s, {.input = true}), Action::ping);
  EXPECT_EQ(keepalive.check(start + 66s, {}), Action::dead);
}

TEST(Patience, LastsAsLongAsItsOwnerLooks) {
  Patience patience(16s, start);
  auto now = start;
  while (!patience.is_over(now)) now += patience.next(now);
  EXPECT_EQ(now, start + 16s);
}

TEST(Patience, TimeInWhichItsOwnerDidNotRunDoesNotCount) {
  Patience patience(16s, start);
  auto now = start + patience.next(start) + 1h;
  EXPECT_FALSE(patience.is_over(now));
  while (!patience.is_over(now)) now += patience.next(now);
  EXPECT_EQ(now, start + 1h + 16s);
}

}  // namespace
}  // namespace tfunnel::test
