// When a lost link is tried again.
#include "client/links/back_off.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::BackOff;
using namespace std::chrono_literals;

TEST(BackOff, FirstRetryComesWithinASecond) {
  BackOff back_off;
  EXPECT_LT(back_off.next(0s, 1), 1s);
}

TEST(BackOff, DeadHostIsNotHammeredAndNotForgotten) {
  BackOff back_off;
  core::Duration last{};
  for (int i = 0; i < 50; ++i) {
    const auto wait = back_off.next(0s, 1);
    EXPECT_GE(wait, last);
    last = wait;
  }
  EXPECT_EQ(last, BackOff::longest);
}

TEST(BackOff, JitterSpreadsOverHalfOfTheStep) {
  BackOff early;
  BackOff late;
  EXPECT_EQ(early.next(0s, 0) * 2, late.next(0s, 1));
}

TEST(BackOff, GoodLinkStartsAnew) {
  BackOff back_off;
  for (int i = 0; i < 10; ++i) back_off.next(0s, 1);
  EXPECT_EQ(back_off.next(BackOff::healthy, 1), BackOff::first);
}

TEST(BackOff, LinkThatFailsSoonAfterItsStartDoesNotStartAnew) {
  BackOff back_off;
  for (int i = 0; i < 10; ++i) back_off.next(1s, 1);
  EXPECT_EQ(back_off.next(1s, 1), BackOff::longest);
}

TEST(BackOff, NetworkChangeMakesTheNextWaitShort) {
  BackOff back_off;
  for (int i = 0; i < 10; ++i) back_off.next(0s, 1);
  back_off.forget();
  EXPECT_EQ(back_off.next(0s, 1), BackOff::first);
}

}  // namespace
}  // namespace tfunnel::test
