// Credit keeps flows moving and memory bounded.
#include "common/core/credit.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::MemoryBudget;
using core::ReceiveWindow;
constexpr std::size_t default_cap = 128U << 20;

TEST(Credit, FlowWithoutEarlyCreditGetsItsFirstWindowAtOnce) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget, 0);
  EXPECT_EQ(window.drained(0), window.window());
}

TEST(Credit, SenderWithoutCreditIsAlwaysGivenMore) {
  // Whatever was granted first, a sender that used all of it and a receiver that drained all of it
  // never wait for each other.
  for (const std::size_t early : {0U, 1U, 2U, 3U, 4095U, 4096U, 65'536U, 1U << 20}) {
    for (const std::size_t cap : {0U, 1U, 1U << 20, 128U << 20}) {
      MemoryBudget budget(cap);
      ReceiveWindow window(budget, early);
      Random random(static_cast<std::uint32_t>(early));
      auto credit = early + window.drained(0);
      for (int i = 0; i < 500; ++i) {
        ASSERT_GT(credit, 0U) << "early " << early << ", cap " << cap;
        const auto sent = random.one_in(3) ? credit : random.below(credit) + 1;
        ASSERT_TRUE(window.received(sent));
        credit -= sent;
        credit += window.drained(sent);
      }
    }
  }
}

TEST(Credit, ByteByByteDrainingGrantsInLargeSteps) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget, MemoryBudget::max_initial_credit);
  ASSERT_TRUE(window.received(MemoryBudget::max_initial_credit));
  std::size_t grants = 0;
  for (std::size_t i = 0; i < MemoryBudget::max_initial_credit; ++i) grants += window.drained(1) > 0 ? 1U : 0U;
  EXPECT_LE(grants, 4U);
  EXPECT_GE(grants, 1U);
}

TEST(Credit, OverrunIsDetectedToTheByte) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget, 100);
  EXPECT_TRUE(window.received(60));
  EXPECT_FALSE(window.received(41));
  EXPECT_TRUE(window.received(40));
  EXPECT_FALSE(window.received(1));
}

/// A flow that takes all it gets at once, for `rounds` windows.
void drain_fast(ReceiveWindow& window, std::size_t& credit, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const auto all = credit;
    ASSERT_TRUE(window.received(all));
    credit = window.drained(all);
  }
}

TEST(Credit, FlowThatDrainsGrowsToTheLargestWindow) {
  MemoryBudget budget(default_cap);
  std::size_t credit = MemoryBudget::max_initial_credit;
  ReceiveWindow window(budget, credit);
  drain_fast(window, credit, 50);
  EXPECT_EQ(window.window(), MemoryBudget::max_window);
}

TEST(Credit, FlowThatStallsDoesNotGrow) {
  MemoryBudget budget(default_cap);
  constexpr auto first = MemoryBudget::max_initial_credit;
  ReceiveWindow window(budget, first);
  ASSERT_TRUE(window.received(first));
  window.stalled();
  for (int i = 0; i < 1000; ++i) {
    // What is granted arrives while the socket is still full with what came before.
    const auto grant = window.drained(1000);
    if (grant == 0) continue;
    ASSERT_TRUE(window.received(grant));
    window.stalled();
  }
  EXPECT_EQ(window.window(), first);
}

TEST(Credit, LargeWindowOfASlowDestinationShrinksOnceAWindowAndGrowsAgain) {
  MemoryBudget budget(1U << 30);
  ReceiveWindow window(budget, 0);
  auto granted = window.drained(0);
  const auto pass = [&](std::size_t bytes) {
    while (bytes > 0) {
      const auto part = std::min(bytes, granted);
      ASSERT_TRUE(window.received(part));
      granted -= part;
      granted += window.drained(part);
      bytes -= part;
    }
  };
  pass(200U << 20);
  ASSERT_EQ(window.window(), MemoryBudget::max_window);
  window.stalled();
  window.stalled();
  EXPECT_EQ(window.window(), MemoryBudget::max_window / 2);
  for (int i = 0; i < 10; ++i) {
    pass(window.window() / 2);
    window.stalled();
  }
  EXPECT_EQ(window.window(), MemoryBudget::least_shrunk_window);
  pass(200U << 20);
  EXPECT_EQ(window.window(), MemoryBudget::max_window);
}

TEST(Credit, WindowsOfTenThousandStalledFlowsStayWithinTheCap) {
  MemoryBudget budget(default_cap);
  std::vector<std::unique_ptr<ReceiveWindow>> windows;
  std::size_t promised = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto granted = budget.initial_credit();
    windows.push_back(std::make_unique<ReceiveWindow>(budget, granted));
    promised += granted + windows.back()->drained(0);
  }
  EXPECT_LE(promised, default_cap);
}

TEST(Credit, LargeWindowsThatStallOneAfterAnotherStayWithinTheCap) {
  MemoryBudget budget(default_cap);
  std::vector<std::unique_ptr<ReceiveWindow>> windows;
  for (int i = 0; i < 200; ++i) {
    std::size_t credit = budget.initial_credit();
    windows.push_back(std::make_unique<ReceiveWindow>(budget, credit));
    drain_fast(*windows.back(), credit, 30);
    // It stalls: all that it may send arrives and stays.
    ASSERT_TRUE(windows.back()->received(credit));
    ASSERT_TRUE(budget.fits(credit)) << "after " << i << " flows";
    budget.buffer(credit);
  }
  budget.release(budget.buffered());
}

TEST(Credit, WindowShrinksWhenOthersNeedTheMemory) {
  MemoryBudget budget(default_cap);
  std::size_t credit = budget.initial_credit();
  ReceiveWindow window(budget, credit);
  drain_fast(window, credit, 50);
  budget.buffer(default_cap - (1U << 20));
  drain_fast(window, credit, 3);
  EXPECT_LE(window.window(), 1U << 20);
  budget.release(default_cap - (1U << 20));
}

TEST(Credit, InitialCreditComesBackWhenFlowsEnd) {
  MemoryBudget budget(default_cap);
  {
    std::vector<std::unique_ptr<ReceiveWindow>> windows;
    for (int i = 0; i < 10'000; ++i) windows.push_back(std::make_unique<ReceiveWindow>(budget, 0));
    EXPECT_EQ(budget.initial_credit(), MemoryBudget::min_initial_credit);
  }
  EXPECT_EQ(budget.initial_credit(), MemoryBudget::max_initial_credit);
}

}  // namespace
}  // namespace tfunnel::test
