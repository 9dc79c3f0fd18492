// The fate of log lines that nobody takes.
#include "common/core/line_queue.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::LineQueue;

std::string take(LineQueue& queue, std::size_t most) {
  const std::string taken(queue.front(most));
  queue.consume(taken.size());
  return taken;
}

TEST(LineQueue, LinesComeOutWholeAndInOrder) {
  LineQueue queue(1000);
  queue.push("one\ntwo\n");
  queue.push("three\n");
  EXPECT_EQ(take(queue, 9), "one\ntwo\n");
  EXPECT_EQ(take(queue, 9), "three\n");
  EXPECT_TRUE(queue.empty());
}

TEST(LineQueue, LineBeyondTheLimitComesInPieces) {
  LineQueue queue(1000);
  queue.push("a long line\nb\n");
  EXPECT_EQ(take(queue, 6), "a long");
  EXPECT_EQ(take(queue, 6), " line\n");
  EXPECT_EQ(take(queue, 6), "b\n");
}

TEST(LineQueue, RestOfALineThatWasTakenInPartComesFirst) {
  LineQueue queue(1000);
  queue.push("first\n");
  queue.consume(2);
  queue.push("second\n");
  EXPECT_EQ(take(queue, 100), "rst\nsecond\n");
}

TEST(LineQueue, HoldsNoMoreThanItsLimitAndNeverHalfALine) {
  LineQueue queue(10);
  queue.push("1234\n5678\n90\n");
  queue.push("x\n");
  EXPECT_EQ(queue.size(), 10U);
  EXPECT_EQ(take(queue, 100), "1234\n5678\n");
  EXPECT_EQ(queue.take_lost(), 2U);
  EXPECT_EQ(queue.take_lost(), 0U);
}

TEST(LineQueue, LineWithoutAnyRoomIsLostWhole) {
  LineQueue queue(10);
  queue.push("12345678\n");
  queue.push("\n\n");
  EXPECT_EQ(take(queue, 100), "12345678\n\n");
  EXPECT_EQ(queue.take_lost(), 1U);
}

TEST(LineQueue, OneGapIsToldOnceWhenHalfIsFreeAgain) {
  LineQueue queue(10);
  queue.push("123456789\n");
  queue.push("lost\n");
  queue.consume(4);
  queue.push("also\n");
  EXPECT_EQ(queue.take_lost(), 0U) << "too early: the next lines would be lost at once";
  queue.consume(1);
  EXPECT_EQ(queue.take_lost(), 2U);
  queue.push("kept\n");
  EXPECT_EQ(take(queue, 100), "6789\nkept\n");
}

TEST(LineQueue, LongUseNeedsNoMoreMemoryThanWaits) {
  LineQueue queue(100);
  for (int i = 0; i < 1000; ++i) {
    queue.push("0123456789\n");
    queue.push("0123456789\n");
    ASSERT_EQ(take(queue, 11), "0123456789\n");
    if (i % 2 == 1) {
      ASSERT_EQ(take(queue, 22), "0123456789\n0123456789\n");
    }
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take_lost(), 0U);
}

TEST(LineQueue, WhatIsForgottenIsNotCounted) {
  LineQueue queue(100);
  queue.push("0123456789\n");
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take_lost(), 0U);
}

}  // namespace
}  // namespace tfunnel::test
