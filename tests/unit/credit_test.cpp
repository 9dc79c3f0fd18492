// Credit keeps flows moving and memory bounded.
#include "common/core/credit.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Charge;
using core::MemoryBudget;
using core::ReceiveWindow;
constexpr std::size_t default_cap = 128U << 20;

TEST(Credit, FlowWithoutEarlyCreditGetsItsFirstWindowAtOnce) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget, 0);
  EXPECT_EQ(window.drained(0), window.window());
}

TEST(Credit, SenderWithoutCreditIsAlwaysGivenMore) {
  // For any first grant, a sender that used all of it and a receiver that drained all of it
  // never wait for each other.
  for (const std::size_t early : {0U, 1U, 2U, 3U, 4095U, 4096U, 65'536U, 1U << 20}) {
    for (const std::size_t cap : {700U, 4096U, 1U << 20, 128U << 20}) {
      MemoryBudget budget(cap);
      ReceiveWindow window(budget, early);
      if (!window.backed()) continue;
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

// On a line that holds as much as the window, half a window that is not granted is half of the speed.
TEST(Credit, LargeWindowIsGrantedAnewLongBeforeHalfOfItIsUsed) {
  MemoryBudget budget(default_cap);
  std::size_t credit = MemoryBudget::max_initial_credit;
  ReceiveWindow window(budget, credit);
  drain_fast(window, credit, 50);
  constexpr std::size_t piece = 64U << 10;
  std::size_t without = 0;
  do {
    ASSERT_TRUE(window.received(piece));
    without += piece;
  } while (window.drained(piece) == 0 && without < window.window());
  EXPECT_LE(without, window.window() / 16);
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
    // The granted bytes arrive while the socket is still full with earlier ones.
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

TEST(Credit, SixtyThousandFlowsHaveCreditAtOnceAndAllOfItIsBacked) {
  MemoryBudget budget(default_cap);
  std::vector<std::unique_ptr<ReceiveWindow>> windows;
  std::size_t promised = 0;
  for (int i = 0; i < 65'536; ++i) {
    const auto granted = budget.initial_credit();
    ASSERT_GT(granted, 0U) << "after " << i;
    windows.push_back(std::make_unique<ReceiveWindow>(budget, granted));
    ASSERT_TRUE(windows.back()->backed());
    promised += granted + windows.back()->drained(0);
  }
  EXPECT_LE(promised, budget.connections().used());
  EXPECT_LE(budget.used(), budget.connections().cap());
}

// A grant to idle flows cannot be taken back: none of it may be needed for others.
TEST(Credit, HoardersLeaveRoomForNewFlowsAndForTheirGrowth) {
  MemoryBudget budget(default_cap);
  std::vector<std::unique_ptr<ReceiveWindow>> hoarders;
  for (int i = 0; i < 500; ++i) {
    auto credit = budget.initial_credit();
    ASSERT_GT(credit, 0U);
    hoarders.push_back(std::make_unique<ReceiveWindow>(budget, credit));
    ASSERT_TRUE(hoarders.back()->backed());
    // Half of them stall with all that they may send, half just keep the credit.
    drain_fast(*hoarders.back(), credit, 30);
    if (i % 2 == 0) {
      ASSERT_TRUE(hoarders.back()->received(credit));
    }
  }
  EXPECT_LE(budget.used(), budget.cap());
  auto credit = budget.initial_credit();
  ASSERT_GE(credit, 4096U) << "hoarders took what belongs to new flows";
  ReceiveWindow window(budget, credit);
  ASSERT_TRUE(window.backed());
  drain_fast(window, credit, 30);
  EXPECT_GT(credit, 0U);
}

TEST(Credit, WhatIsGrantedIsBackedWhateverFlowsDo) {
  constexpr std::size_t cap = 1U << 20;
  struct FlowState {
    std::unique_ptr<ReceiveWindow> window;
    std::size_t credit;
    std::size_t held = 0;
  };
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    MemoryBudget budget(cap);
    Random random(seed);
    std::vector<FlowState> flows;
    for (int step = 0; step < 5000; ++step) {
      const auto granted = random.below(budget.initial_credit() + 1);
      if (flows.empty() || random.one_in(20)) {
        flows.push_back({std::make_unique<ReceiveWindow>(budget, granted), granted});
        if (!flows.back().window->backed()) {
          flows.pop_back();
          continue;
        }
        flows.back().credit += flows.back().window->drained(0);
      }
      auto& flow = flows[random.below(flows.size())];
      const auto arriving = random.below(flow.credit + 1);
      ASSERT_TRUE(flow.window->received(arriving));
      flow.credit -= arriving;
      flow.held += arriving;
      if (random.one_in(3)) flow.window->stalled();
      const auto drained = random.one_in(4) ? 0 : random.below(flow.held + 1);
      flow.held -= drained;
      flow.credit += flow.window->drained(drained);
      if (random.one_in(100)) flows.erase(flows.begin() + static_cast<std::ptrdiff_t>(random.below(flows.size())));
      std::size_t promised = 0;
      for (const auto& each : flows) promised += each.credit + each.held;
      ASSERT_LE(promised, budget.connections().used()) << "seed " << seed << ", step " << step;
      ASSERT_LE(budget.connections().used(), budget.connections().cap());
    }
    flows.clear();
    ASSERT_EQ(budget.used(), 0U);
  }
}

TEST(Credit, FlowThatCannotBeBackedIsRefusedAndTakesNothing) {
  MemoryBudget budget(default_cap);
  Charge rest(budget.connections());
  ASSERT_TRUE(rest.resize(budget.connections().cap() - 100));
  EXPECT_EQ(budget.initial_credit(), 0U);
  ReceiveWindow refused(budget, 101);
  EXPECT_FALSE(refused.backed());
  ReceiveWindow small(budget, 100);
  EXPECT_TRUE(small.backed());
  EXPECT_EQ(small.drained(0), 0U) << "more was granted than there is";
}

TEST(Credit, EightBulkFlowsHaveLargeWindowsUnderTheDefaultSize) {
  MemoryBudget budget(default_cap);
  std::vector<std::unique_ptr<ReceiveWindow>> windows;
  std::vector<std::size_t> credits;
  for (int i = 0; i < 8; ++i) {
    credits.push_back(budget.initial_credit());
    windows.push_back(std::make_unique<ReceiveWindow>(budget, credits.back()));
  }
  for (int round = 0; round < 100; ++round) {
    for (std::size_t i = 0; i < windows.size(); ++i) drain_fast(*windows[i], credits[i], 1);
  }
  for (const auto& window : windows) EXPECT_GE(window->window(), 4U << 20);
}

TEST(Credit, WindowShrinksWhenOthersNeedTheMemory) {
  MemoryBudget budget(default_cap);
  std::size_t credit = budget.initial_credit();
  ReceiveWindow window(budget, credit);
  drain_fast(window, credit, 50);
  std::vector<std::unique_ptr<ReceiveWindow>> others;
  for (int i = 0; i < 100; ++i) {
    auto theirs = budget.initial_credit();
    others.push_back(std::make_unique<ReceiveWindow>(budget, theirs));
    drain_fast(*others.back(), theirs, 3);
  }
  drain_fast(window, credit, 3);
  EXPECT_LE(window.window(), 1U << 20);
}

TEST(Credit, EndedFlowNeedsMemoryOnlyForWhatStillWaits) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget, 1000);
  ASSERT_TRUE(window.received(600));
  window.finished();
  EXPECT_EQ(budget.used(), 600U);
  EXPECT_EQ(window.drained(500), 0U);
  EXPECT_EQ(budget.used(), 100U);
  window.abandoned();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(Credit, FlowWithoutCreditTakesNoMemory) {
  MemoryBudget budget(default_cap);
  ReceiveWindow window(budget);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_FALSE(window.received(1));
}

TEST(Credit, InitialCreditComesBackWhenFlowsEnd) {
  MemoryBudget budget(default_cap);
  {
    std::vector<std::unique_ptr<ReceiveWindow>> windows;
    for (int i = 0; i < 10'000; ++i) windows.push_back(std::make_unique<ReceiveWindow>(budget, 0));
    EXPECT_LT(budget.initial_credit(), 1024U);
  }
  EXPECT_EQ(budget.initial_credit(), MemoryBudget::max_initial_credit);
}

}  // namespace
}  // namespace tfunnel::test
