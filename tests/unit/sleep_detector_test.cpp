// Whether a sleep of the machine is noticed.
#include "client/links/sleep_detector.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using client::SleepDetector;
using namespace std::chrono_literals;

TEST(SleepDetector, TimeThatOnlyBootTimeSawWasSleep) {
  SleepDetector detector;
  EXPECT_FALSE(detector.slept(1000s, 900s));  // what was before the start does not count
  EXPECT_FALSE(detector.slept(1002s, 902s));
  EXPECT_TRUE(detector.slept(1062s, 904s));
}

TEST(SleepDetector, OneSleepIsToldOnce) {
  SleepDetector detector;
  detector.slept(0s, 0s);
  EXPECT_TRUE(detector.slept(60s, 1s));
  EXPECT_FALSE(detector.slept(62s, 3s));
}

TEST(SleepDetector, LoadThatDelaysTheTimerIsNoSleep) {
  SleepDetector detector;
  detector.slept(0s, 0s);
  EXPECT_FALSE(detector.slept(600s, 600s));
}

TEST(SleepDetector, DriftOfReadingTwoClocksIsNoSleep) {
  SleepDetector detector;
  detector.slept(0s, 0s);
  EXPECT_FALSE(detector.slept(2s + 3ms, 2s));
}

}  // namespace
}  // namespace tfunnel::test
