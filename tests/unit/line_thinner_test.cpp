// Which of many log lines are written, and what is said of the others.
#include "common/core/line_thinner.hpp"
#include "tests/unit/support/time.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::LineThinner;
using namespace std::chrono_literals;

const LineThinner::Kind refusal{"proxy", 2, "a.cpp", 1};
const LineThinner::Kind broken{"proxy", 2, "a.cpp", 2};

int admitted(LineThinner& thinner, const LineThinner::Kind& kind, int count, core::Time now) {
  int written = 0;
  for (int i = 0; i < count; ++i) written += thinner.admit(kind, "line " + std::to_string(i), now) ? 1 : 0;
  return written;
}

TEST(LineThinner, FloodIsCutToSoManyASecond) {
  LineThinner thinner;
  EXPECT_EQ(admitted(thinner, refusal, 5000, start), LineThinner::most_a_second);
}

TEST(LineThinner, FloodOfOneKindDoesNotHideAnother) {
  LineThinner thinner;
  admitted(thinner, refusal, 5000, start);
  EXPECT_EQ(admitted(thinner, broken, 1, start), 1);
  auto other = refusal;
  other.program = "link 2";
  EXPECT_EQ(admitted(thinner, other, 1, start), 1) << "of another program";
  other = refusal;
  other.level = 1;
  EXPECT_EQ(admitted(thinner, other, 1, start), 1) << "of another level";
}

TEST(LineThinner, WhatWasLeftOutIsToldAlthoughNoMoreComes) {
  LineThinner thinner;
  EXPECT_EQ(thinner.deadline(), std::nullopt);
  admitted(thinner, refusal, 25, start);
  ASSERT_EQ(thinner.deadline(), start + 1s);
  EXPECT_TRUE(thinner.take_left_out(start + 999ms).empty());
  const auto told = thinner.take_left_out(start + 1s);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 5U);
  EXPECT_EQ(told[0].first, "line 20");
  EXPECT_EQ(told[0].program, "proxy");
  EXPECT_EQ(thinner.deadline(), std::nullopt);
  EXPECT_TRUE(thinner.take_left_out(start + 2s).empty());
}

TEST(LineThinner, EachKindIsToldApart) {
  LineThinner thinner;
  admitted(thinner, refusal, 30, start);
  admitted(thinner, broken, 21, start + 100ms);
  EXPECT_EQ(thinner.take_left_out(start + 1s).size(), 1U);
  EXPECT_EQ(thinner.deadline(), start + 1100ms);
  EXPECT_EQ(thinner.take_left_out(start + 1100ms).size(), 1U);
}

TEST(LineThinner, NothingIsForgottenIfNobodyAsksInTime) {
  LineThinner thinner;
  std::size_t written = 0;
  std::size_t left_out = 0;
  for (int second = 0; second < 5; ++second) {
    written += static_cast<std::size_t>(admitted(thinner, refusal, 100, start + std::chrono::seconds(second)));
  }
  for (const auto& told : thinner.take_left_out(start + 5s)) left_out += told.count;
  EXPECT_EQ(written + left_out, 500U);
}

TEST(LineThinner, FewLinesASecondAreAllWritten) {
  LineThinner thinner;
  for (int second = 0; second < 10; ++second) {
    EXPECT_EQ(admitted(thinner, refusal, 20, start + std::chrono::seconds(second)), 20);
  }
  EXPECT_TRUE(thinner.take_left_out(start + 1h).empty());
}

}  // namespace
}  // namespace tfunnel::test
