// Datagrams are dropped by age and by memory, oldest first and from the flow that has most, and never queued for
// seconds.
#include "common/core/datagram_queue.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/support/bytes.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using core::DatagramPool;
using core::DatagramQueue;
using namespace std::chrono_literals;

const core::Endpoint peer = endpoint("192.0.2.1", 53);

class DatagramQueueTest : public testing::Test {
 protected:
  std::size_t drain(DatagramQueue& queue) {
    std::size_t count = 0;
    for (; queue.front(start) != nullptr; ++count) queue.pop();
    return count;
  }

  std::uint64_t dropped_ = 0;
};

TEST_F(DatagramQueueTest, ComesOutInOrderWithItsPeer) {
  DatagramPool pool(1U << 20);
  DatagramQueue queue(pool, dropped_);
  queue.push(start, peer, bytes_of("one"));
  queue.push(start, endpoint("2001:db8::1", 1), {});
  EXPECT_EQ(queue.front(start)->payload, bytes_of("one"));
  queue.pop();
  EXPECT_EQ(queue.front(start)->peer, endpoint("2001:db8::1", 1));
  queue.pop();
  EXPECT_EQ(queue.front(start), nullptr);
  EXPECT_EQ(dropped_, 0U);
  EXPECT_EQ(pool.used(), 0U);
}

TEST_F(DatagramQueueTest, ClearedGivesItsMemoryBackAndNeedsThePoolNoMore) {
  auto pool = std::make_unique<DatagramPool>(1U << 20);
  DatagramQueue queue(*pool, dropped_);
  queue.push(start, peer, bytes_of("one"));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(dropped_, 0U);
  EXPECT_EQ(pool->used(), 0U);
  pool.reset();
}

TEST_F(DatagramQueueTest, OldDatagramsAreDroppedAndCountedYoungOnesGo) {
  DatagramPool pool(1U << 20);
  DatagramQueue queue(pool, dropped_);
  queue.push(start, peer, bytes_of("old"));
  queue.push(start + 1ms, peer, bytes_of("old"));
  queue.push(start + 100ms, peer, bytes_of("young"));
  EXPECT_EQ(queue.front(start + DatagramQueue::max_age + 2ms)->payload, bytes_of("young"));
  EXPECT_EQ(dropped_, 2U);
}

TEST_F(DatagramQueueTest, WhereAFrameTakesLongADatagramMayWaitForAFewOfThem) {
  EXPECT_EQ(DatagramQueue::age_limit(0ms), DatagramQueue::max_age);
  EXPECT_EQ(DatagramQueue::age_limit(2ms), DatagramQueue::max_age);
  // 128 bytes at 2,400 baud
  const auto limit = DatagramQueue::age_limit(533ms);
  EXPECT_GE(limit, 3 * 533ms);
  EXPECT_LE(DatagramQueue::age_limit(1h), 5s) << "nobody waits for an answer that long";
  DatagramPool pool(1U << 20);
  DatagramQueue queue(pool, dropped_);
  queue.push(start, peer, bytes_of("one"));
  EXPECT_NE(queue.front(start + 1s, limit), nullptr);
  EXPECT_EQ(queue.front(start + 1h, limit), nullptr);
  EXPECT_EQ(dropped_, 1U);
}

TEST_F(DatagramQueueTest, FloodKeepsTheNewestAndStaysBounded) {
  DatagramPool pool(128U << 20);
  DatagramQueue queue(pool, dropped_);
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i < count; ++i) queue.push(start, peer, Bytes(1400, static_cast<std::uint8_t>(i)));
  EXPECT_LE(pool.used(), DatagramQueue::max_bytes + 1024);
  std::size_t kept = 0;
  Bytes last;
  for (; queue.front(start) != nullptr; ++kept) {
    last = queue.front(start)->payload;
    queue.pop();
  }
  EXPECT_EQ(last[0], static_cast<std::uint8_t>(count - 1));
  EXPECT_EQ(kept + dropped_, count);
  EXPECT_GT(kept, 1000U);
}

TEST_F(DatagramQueueTest, FloodOfEmptyDatagramsIsBoundedToo) {
  DatagramPool pool(128U << 20);
  DatagramQueue queue(pool, dropped_);
  for (int i = 0; i < 100'000; ++i) queue.push(start, peer, {});
  EXPECT_GT(dropped_, 50'000U);
}

TEST_F(DatagramQueueTest, WhatIsChargedForOtherThingsIsNotDropped) {
  DatagramPool pool(10'000);
  core::Charge other(pool);
  ASSERT_TRUE(other.resize(8'500));
  DatagramQueue queue(pool, dropped_);
  queue.push(start, peer, pattern(2'000));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(dropped_, 1U);
  queue.push(start, peer, pattern(100));
  EXPECT_FALSE(queue.empty());
  EXPECT_LE(pool.used(), pool.cap());
}

// A flow that is flooded loses its own datagrams, oldest first, and not those of another.
TEST_F(DatagramQueueTest, FattestGivesWayWhenAllTogetherHaveTooMuch) {
  DatagramPool pool(1U << 20);
  DatagramQueue flooded(pool, dropped_);
  for (std::size_t i = 0; i < 5'000; ++i) flooded.push(start, peer, Bytes(1400, static_cast<std::uint8_t>(i)));
  DatagramQueue modest(pool, dropped_);
  for (int i = 0; i < 100; ++i) modest.push(start, peer, pattern(1200));
  for (std::size_t i = 5'000; i < 6'000; ++i) flooded.push(start, peer, Bytes(1400, static_cast<std::uint8_t>(i)));
  EXPECT_LE(pool.used(), pool.cap());
  EXPECT_EQ(drain(modest), 100U);
  const auto before = dropped_;
  EXPECT_EQ(before + drain(flooded), 6'000U);
}

TEST_F(DatagramQueueTest, ManyFloodedQueuesShareAndNewOnesFindRoom) {
  DatagramPool pool(1U << 20);
  std::deque<DatagramQueue> queues;
  for (int i = 0; i < 80; ++i) queues.emplace_back(pool, dropped_);
  for (int round = 0; round < 50; ++round) {
    for (auto& queue : queues) queue.push(start, peer, pattern(1000));
  }
  DatagramQueue fresh(pool, dropped_);
  fresh.push(start, peer, pattern(65'000));
  EXPECT_EQ(drain(fresh), 1U);
  for (auto& queue : queues) EXPECT_GE(drain(queue), 8U);
  EXPECT_EQ(pool.used(), 0U);
}

TEST_F(DatagramQueueTest, OthersMakeRoomForACharge) {
  DatagramPool pool(1U << 20);
  DatagramQueue queue(pool, dropped_);
  for (int i = 0; i < 1'000; ++i) queue.push(start, peer, pattern(1400));
  core::MemoryPart services(512U << 10, &pool);
  core::Charge charge(services);
  EXPECT_TRUE(charge.resize(512U << 10));
  EXPECT_FALSE(charge.resize((512U << 10) + 1)) << "the rest belongs to datagrams";
  EXPECT_FALSE(queue.empty());
}

TEST_F(DatagramQueueTest, PoolIsNeverExceededAndAlwaysGivenBack) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    DatagramPool pool(100'000);
    std::uint64_t pushed = 0;
    std::uint64_t popped = 0;
    dropped_ = 0;
    {
      std::deque<DatagramQueue> queues;
      for (int i = 0; i < 10; ++i) queues.emplace_back(pool, dropped_);
      auto now = start;
      for (int step = 0; step < 3'000; ++step) {
        auto& queue = queues[random.below(queues.size())];
        now += std::chrono::milliseconds(random.below(3));
        if (random.one_in(3)) {
          if (queue.front(now) == nullptr) continue;
          queue.pop();
          ++popped;
        } else {
          queue.push(now, peer, Bytes(random.one_in(4) ? random.below(60'000) : random.below(100)));
          ++pushed;
        }
        ASSERT_LE(pool.used(), pool.cap());
      }
      for (auto& queue : queues) {
        for (; queue.front(now) != nullptr; ++popped) queue.pop();
      }
    }
    EXPECT_EQ(pushed, popped + dropped_);
    EXPECT_EQ(pool.used(), 0U);
  }
}

TEST_F(DatagramQueueTest, GivesItsMemoryBackWhenDestroyed) {
  DatagramPool pool(1U << 20);
  {
    DatagramQueue queue(pool, dropped_);
    queue.push(start, peer, pattern(500));
    EXPECT_GT(pool.used(), 500U);
  }
  EXPECT_EQ(pool.used(), 0U);
}

}  // namespace
}  // namespace tfunnel::test
