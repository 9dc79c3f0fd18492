// A fault that each flow meets is said once a minute, with a count, and none hides another.
#include "common/core/sparse_lines.hpp"
#include "tests/unit/support/time.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::SparseLines;
using namespace std::chrono_literals;

TEST(SparseLines, FirstIsWrittenAndTheRestOfTheMinuteCounted) {
  SparseLines lines;
  EXPECT_TRUE(lines.admit("403", start));
  for (int i = 0; i < 29; ++i) EXPECT_FALSE(lines.admit("403", start + 1s));
  EXPECT_TRUE(lines.take_more(start + 59s).empty());
  ASSERT_EQ(lines.deadline(), start + 1min);
  const auto more = lines.take_more(start + 1min);
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].text, "403");
  EXPECT_EQ(more[0].count, 29U);
  EXPECT_EQ(lines.deadline(), std::nullopt);
}

TEST(SparseLines, FaultThatGoesOnIsToldOnceAMinute) {
  SparseLines lines;
  std::size_t written = 0;
  std::size_t counted = 0;
  for (auto now = start; now < start + 10min; now += 1s) {
    for (const auto& more : lines.take_more(now)) {
      ++written;
      counted += more.count;
    }
    written += lines.admit("403", now) ? 1 : 0;
  }
  EXPECT_EQ(written, 10U);
  EXPECT_GE(counted, 530U);
}

TEST(SparseLines, OtherFaultIsNotHidden) {
  SparseLines lines;
  EXPECT_TRUE(lines.admit("403", start));
  EXPECT_TRUE(lines.admit("407", start));
}

TEST(SparseLines, SameFaultLaterIsWrittenAgain) {
  SparseLines lines;
  EXPECT_TRUE(lines.admit("403", start));
  EXPECT_TRUE(lines.admit("403", start + 61s));
}

TEST(SparseLines, TextsOfAPeerTakeNoMemoryWithoutBound) {
  SparseLines lines;
  std::size_t written = 0;
  for (int i = 0; i < 10'000; ++i) written += lines.admit("text " + std::to_string(i), start) ? 1 : 0;
  EXPECT_EQ(written, SparseLines::most_texts + 1);
  std::size_t counted = 0;
  for (const auto& more : lines.take_more(start + 1min)) counted += more.count;
  EXPECT_EQ(written + counted, 10'000U);
}

TEST(SparseLines, SeveralAtOnceCountAsSeveral) {
  SparseLines lines;
  EXPECT_TRUE(lines.admit("403", start, 5));
  EXPECT_EQ(lines.take_more(start + 1min).at(0).count, 4U);
}

}  // namespace
}  // namespace tfunnel::test
