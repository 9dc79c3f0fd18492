// Datagrams are dropped by age and by memory, oldest first, and never queued for seconds.
#include "common/core/datagram_queue.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::DatagramQueue;
using namespace std::chrono_literals;

const core::Endpoint peer = endpoint("192.0.2.1", 53);
const core::Time start{1h};

TEST(DatagramQueue, ComesOutInOrderWithItsPeer) {
  core::MemoryBudget budget(1U << 20);
  DatagramQueue queue(budget);
  queue.push(start, peer, bytes_of("one"));
  queue.push(start, endpoint("2001:db8::1", 1), {});
  EXPECT_EQ(queue.front(start)->payload, bytes_of("one"));
  queue.pop();
  EXPECT_EQ(queue.front(start)->peer, endpoint("2001:db8::1", 1));
  queue.pop();
  EXPECT_EQ(queue.front(start), nullptr);
  EXPECT_EQ(queue.dropped(), 0U);
  EXPECT_EQ(budget.buffered(), 0U);
}

TEST(DatagramQueue, ClearedGivesItsMemoryBackAndNeedsTheBudgetNoMore) {
  auto budget = std::make_unique<core::MemoryBudget>(1U << 20);
  DatagramQueue queue(*budget);
  queue.push(start, peer, bytes_of("one"));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.dropped(), 0U);
  EXPECT_EQ(budget->buffered(), 0U);
  budget.reset();
}

TEST(DatagramQueue, OldDatagramsAreDroppedAndCountedYoungOnesGo) {
  core::MemoryBudget budget(1U << 20);
  DatagramQueue queue(budget);
  queue.push(start, peer, bytes_of("old"));
  queue.push(start + 1ms, peer, bytes_of("old"));
  queue.push(start + 100ms, peer, bytes_of("young"));
  EXPECT_EQ(queue.front(start + DatagramQueue::max_age + 2ms)->payload, bytes_of("young"));
  EXPECT_EQ(queue.dropped(), 2U);
}

TEST(DatagramQueue, FloodKeepsTheNewestAndStaysBounded) {
  core::MemoryBudget budget(128U << 20);
  DatagramQueue queue(budget);
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i < count; ++i) queue.push(start, peer, Bytes(1400, static_cast<std::uint8_t>(i)));
  EXPECT_LE(budget.buffered(), DatagramQueue::max_bytes);
  std::size_t kept = 0;
  Bytes last;
  for (; queue.front(start) != nullptr; ++kept) {
    last = queue.front(start)->payload;
    queue.pop();
  }
  EXPECT_EQ(last[0], static_cast<std::uint8_t>(count - 1));
  EXPECT_EQ(kept + queue.dropped(), count);
  EXPECT_GT(kept, 1000U);
}

TEST(DatagramQueue, FloodOfEmptyDatagramsIsBoundedToo) {
  core::MemoryBudget budget(128U << 20);
  DatagramQueue queue(budget);
  for (int i = 0; i < 100'000; ++i) queue.push(start, peer, {});
  EXPECT_GT(queue.dropped(), 50'000U);
}

TEST(DatagramQueue, UsedUpBudgetDropsAndDoesNotGrow) {
  core::MemoryBudget budget(10'000);
  budget.buffer(9'000);
  DatagramQueue queue(budget);
  queue.push(start, peer, pattern(2'000));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.dropped(), 1U);
  queue.push(start, peer, pattern(100));
  EXPECT_FALSE(queue.empty());
  EXPECT_LE(budget.buffered(), budget.cap());
}

TEST(DatagramQueue, GivesItsMemoryBackWhenDestroyed) {
  core::MemoryBudget budget(1U << 20);
  {
    DatagramQueue queue(budget);
    queue.push(start, peer, pattern(500));
    EXPECT_GT(budget.buffered(), 500U);
  }
  EXPECT_EQ(budget.buffered(), 0U);
}

}  // namespace
}  // namespace tfunnel::test
