// Calls that block, when the program has no time for them any more.
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "proxy/io/blocking_calls.hpp"

namespace tfunnel::test {
namespace {

/// A call that is at work until it may go on.
struct SlowCall {
  std::promise<void> begun;
  std::promise<void> may_end;
};

TEST(BlockingCalls, WhoWaitsIsNotToldAfterTheEndAndTheEventLoopWaitsForNoCall) {
  asio::io_context context;
  SlowCall slow;
  int told = 0;
  const auto owned = std::make_shared<int>();
  {
    proxy::BlockingCalls calls(context);
    calls.run([&] { slow.begun.set_value(), slow.may_end.get_future().wait(); }, [&told, owned] { ++told; });
    calls.run([&told] { told += 10; }, [&told, owned] { ++told; });
    slow.begun.get_future().wait();
    calls.stop();
    EXPECT_EQ(context.run(), 0U);
    slow.may_end.set_value();
  }
  // What the thread has posted meanwhile holds nothing that others would have to outlive.
  EXPECT_EQ(owned.use_count(), 1);
  context.restart();
  context.run();
  EXPECT_EQ(told, 0);
}

TEST(BlockingCalls, CallIsOverBeforeItIsDestroyed) {
  asio::io_context context;
  bool told = false;
  const auto owned = std::make_shared<int>();
  proxy::BlockingCalls calls(context);
  calls.run([owned] { ++*owned; }, [&] { told = *owned == 1; });
  const auto work = asio::make_work_guard(context);
  while (!told) context.run_one();
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace tfunnel::test
