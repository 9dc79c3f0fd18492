// When the far end, or a UDP flow, counts as gone.
#include "common/core/keepalive.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::Keepalive;
using Action = Keepalive::Action;
using namespace std::chrono_literals;

const core::Time start{1h};
constexpr Keepalive::Limits limits{20s, 60s};

TEST(Keepalive, SilenceIsPingedThenFatal) {
  const Keepalive keepalive(limits, start);
  EXPECT_EQ(keepalive.check(start + 19s, false), Action::none);
  EXPECT_EQ(keepalive.check(start + 20s, false), Action::ping);
  EXPECT_EQ(keepalive.check(start + 59s, false), Action::ping);
  EXPECT_EQ(keepalive.check(start + 60s, false), Action::dead);
}

TEST(Keepalive, AnyByteFromTheFarEndStartsAnew) {
  Keepalive keepalive(limits, start);
  keepalive.heard(start + 59s);
  EXPECT_EQ(keepalive.check(start + 78s, false), Action::none);
  EXPECT_EQ(keepalive.check(start + 80s, false), Action::ping);
}

TEST(Keepalive, ProbeThatIsNotAnsweredIsFatalSoon) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start + 1s, 5s);
  EXPECT_EQ(keepalive.period(start + 1s), 5s);
  EXPECT_EQ(keepalive.check(start + 5s, false), Action::none);
  EXPECT_EQ(keepalive.check(start + 6s, false), Action::unanswered);
}

TEST(Keepalive, SecondProbeDoesNotPutOffTheFirst) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start, 5s);
  keepalive.probe(start + 4s, 5s);
  EXPECT_EQ(keepalive.check(start + 5s, false), Action::unanswered);
}

TEST(Keepalive, AnsweredProbeIsForgotten) {
  Keepalive keepalive(limits, start);
  keepalive.probe(start, 5s);
  keepalive.heard(start + 1s);
  EXPECT_EQ(keepalive.check(start + 5s, false), Action::none);
  EXPECT_EQ(keepalive.period(start + 5s), 15s);
}

TEST(Keepalive, WhoNeverPingsNeverProbes) {
  Keepalive keepalive({0s, 60s}, start);
  keepalive.probe(start, 5s);
  EXPECT_EQ(keepalive.check(start + 100s, false), Action::none);
}

TEST(Keepalive, FarEndThatTalksButNeverReadsIsStalled) {
  Keepalive keepalive(limits, start);
  keepalive.heard(start + 60s);
  EXPECT_EQ(keepalive.check(start + 60s, true), Action::stalled);
  EXPECT_EQ(keepalive.check(start + 60s, false), Action::none);
  keepalive.wrote(start + 60s);
  EXPECT_EQ(keepalive.check(start + 61s, true), Action::none);
}

TEST(Keepalive, SwitchedOffItNeverGivesUp) {
  const Keepalive keepalive({0s, 60s}, start);
  EXPECT_FALSE(keepalive.enabled());
  EXPECT_EQ(keepalive.check(start + 24h, true), Action::none);
}

TEST(Keepalive, IsCheckedOftenEnoughToKeepItsPromiseButNeverSpins) {
  for (const auto& some : {limits, Keepalive::Limits{1ms, 2ms}, Keepalive::Limits{50s, 60s}}) {
    const Keepalive keepalive(some, start);
    EXPECT_GT(keepalive.period(start), 0s);
    EXPECT_LE(keepalive.period(start), some.interval);
  }
}

}  // namespace
}  // namespace tfunnel::test
