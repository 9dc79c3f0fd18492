// A line that the far end says both on its standard error and with a flow is shown once, in whatever order it comes.
#include "common/core/far_words.hpp"

#include <gtest/gtest.h>

#include "common/core/greeting.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using core::FarWords;
using namespace std::chrono_literals;

const std::string fault = "HTTP proxy http://p refused: 403";
const std::string line = "tfunnel proxy: warning: " + fault + " destination=x";

TEST(FarWords, WithoutALineTheWordsAreSaidAfterAMoment) {
  FarWords words;
  words.told(fault, start);
  EXPECT_TRUE(words.take(start + 999ms).empty());
  ASSERT_EQ(words.deadline(), start + FarWords::grace);
  const auto said = words.take(start + 1s);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].text, fault);
  EXPECT_EQ(words.deadline(), std::nullopt);
}

TEST(FarWords, LineBeforeOrBehindThemIsEnough) {
  FarWords before;
  before.passed(line, start);
  before.told(fault, start + 10ms);
  EXPECT_TRUE(before.take(start + 2s).empty());
  FarWords behind;
  behind.told(fault, start);
  behind.passed(line, start + 900ms);
  EXPECT_TRUE(behind.take(start + 2s, true).empty());
}

TEST(FarWords, LineIsRecognisedThoughItWasMadePrintable) {
  const std::string odd = "answered with \"\\x15\\x03\"";
  FarWords words;
  words.passed(core::printable("tfunnel proxy: warning: " + odd, 1000), start);
  words.told(odd, start);
  EXPECT_TRUE(words.take(start + 2s).empty());
}

TEST(FarWords, OtherLineDoesNotHideThem) {
  FarWords words;
  words.passed("tfunnel proxy: warning: something else", start);
  words.told(fault, start);
  EXPECT_EQ(words.take(start + 1s).size(), 1U);
}

TEST(FarWords, LineOfLongAgoDoesNotHideThem) {
  FarWords words;
  words.passed(line, start);
  words.told(fault, start + FarWords::memory + 1s);
  EXPECT_EQ(words.take(start + 1h).size(), 1U);
}

TEST(FarWords, AtTheEndNothingWaits) {
  FarWords words;
  words.told(fault, start);
  EXPECT_EQ(words.take(start, true).size(), 1U);
  EXPECT_TRUE(words.take(start + 1h, true).empty());
}

TEST(FarWords, SameWordsAreCounted) {
  FarWords words;
  for (int i = 0; i < 30; ++i) words.told(fault, start);
  EXPECT_EQ(words.take(start + 1s).at(0).times, 30U);
}

TEST(FarWords, FloodOfWordsIsBounded) {
  FarWords words;
  for (int i = 0; i < 10'000; ++i) words.told(std::to_string(i), start);
  EXPECT_LE(words.take(start + 1s).size(), FarWords::most);
}

}  // namespace
}  // namespace tfunnel::test
