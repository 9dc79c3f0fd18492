#include "common/core/byte_queue.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::ByteQueue;

TEST(ByteQueue, EmptyQueueHasNoFront) {
  ByteQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.front().empty());
  queue.append({});
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.front().empty());
}

TEST(ByteQueue, BytesComeOutInOrderWhateverThePieces) {
  Random random(4);
  ByteQueue queue;
  std::size_t in = 0;
  std::size_t out = 0;
  const auto all = pattern(3'000'000);
  while (out < all.size()) {
    const auto part = std::min(random.below(random.one_in(10) ? 60'000 : 2'000), all.size() - in);
    queue.append(core::ByteView(all).subspan(in, part));
    in += part;
    while (!queue.empty() && !random.one_in(3)) {
      const auto front = queue.front();
      ASSERT_FALSE(front.empty());
      const auto count = random.below(front.size()) + 1;
      ASSERT_TRUE(std::equal(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(count),
                             all.begin() + static_cast<std::ptrdiff_t>(out)));
      queue.consume(count);
      out += count;
    }
    ASSERT_EQ(queue.size(), in - out);
  }
}

TEST(ByteQueue, AppendWhileThePreviousFrontIsHalfConsumed) {
  ByteQueue queue;
  queue.append(pattern(10));
  queue.consume(7);
  queue.append(bytes_of("abc"));
  EXPECT_EQ(queue.size(), 6U);
  EXPECT_EQ(queue.front().size(), 6U);
  queue.consume(6);
  EXPECT_TRUE(queue.empty());
}

TEST(ByteQueue, PeekSeesEveryByteAndTakesNone) {
  ByteQueue queue;
  for (int i = 0; i < 20; ++i)
    queue.append(core::ByteView(pattern(40'000)).subspan(static_cast<std::size_t>(i) * 2000, 2000));
  queue.consume(3);
  Bytes seen;
  for (auto run = queue.peek(0); !run.empty(); run = queue.peek(seen.size())) append(seen, run);
  const auto all = pattern(40'000);
  EXPECT_EQ(seen, Bytes(all.begin() + 3, all.end()));
  EXPECT_EQ(queue.size(), seen.size());
  EXPECT_TRUE(queue.peek(seen.size() + 1).empty());
}

TEST(ByteQueue, ClearedQueueCanBeUsedAgain) {
  ByteQueue queue;
  queue.append(pattern(100'000));
  queue.consume(10);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  queue.append(bytes_of("x"));
  EXPECT_EQ(queue.front()[0], 'x');
}

}  // namespace
}  // namespace tfunnel::test
