// Bytes owed to a slow socket: in a pipe, behind that in memory, always in order and always accounted for.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/read.hpp>

#include "common/io/backlog.hpp"
#include "common/io/errors.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

struct Ends {
  asio::io_context context;
  tcp::acceptor door{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  tcp::socket near{context};
  tcp::socket far{context};

  Ends() {
    near.connect(door.local_endpoint());
    door.accept(far);
    near.non_blocking(true);
  }
};

class BacklogTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!io::Stage().open()) GTEST_SKIP() << "nothing can be moved on this system";
  }
  void put_into_pipe(io::Backlog& backlog, const Bytes& bytes) {
    const int pipe = backlog.pipe();
    ASSERT_GE(pipe, 0);
    ASSERT_EQ(::write(pipe, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    backlog.moved(bytes.size());
  }
  Bytes drain(io::Backlog& backlog) {
    Bytes got;
    while (!backlog.empty()) {
      error_code error;
      const auto count = backlog.write_to(ends_.near, error);
      EXPECT_FALSE(error) << error.message();
      if (error) break;
      Bytes part(count);
      asio::read(ends_.far, asio::buffer(part));
      got.insert(got.end(), part.begin(), part.end());
    }
    return got;
  }

  Ends ends_;
  io::SpareStages& spare_ = io::SpareStages::of(ends_.context);
  core::MemoryBudget budget_{1 << 20};
};

TEST_F(BacklogTest, PipesAndMemoryKeepTheOrder) {
  io::Backlog backlog(budget_, spare_);
  const auto all = pattern(90'000);
  put_into_pipe(backlog, Bytes(all.begin(), all.begin() + 30'000));
  put_into_pipe(backlog, Bytes(all.begin() + 30'000, all.begin() + 40'000));
  backlog.append(core::ByteView(all).subspan(40'000));
  EXPECT_EQ(drain(backlog), all);
}

// A few bytes in memory made a flow copy for as long as its socket stayed the slowest part.
TEST_F(BacklogTest, MemoryDoesNotBarThePipes) {
  io::Backlog backlog(budget_, spare_);
  const auto all = pattern(90'000);
  backlog.append(core::ByteView(all).first(10'000));
  put_into_pipe(backlog, Bytes(all.begin() + 10'000, all.begin() + 40'000));
  backlog.append(core::ByteView(all).subspan(40'000, 10'000));
  put_into_pipe(backlog, Bytes(all.begin() + 50'000, all.end()));
  EXPECT_EQ(drain(backlog), all);
}

TEST_F(BacklogTest, WhatThePipesCannotHoldWaitsInMemoryInOrder) {
  io::Backlog backlog(budget_, spare_);
  const auto all = pattern(20 << 20);
  put_into_pipe(backlog, Bytes(all.begin(), all.begin() + 1000));
  backlog.append(core::ByteView(all).subspan(1000));
  EXPECT_EQ(backlog.pipe(), -1) << "what is moved now would overtake what is in memory";
  EXPECT_EQ(backlog.next_pipe(), -1);
  EXPECT_EQ(drain(backlog), all);
}

// Else the rest of the window is copied for as long as the socket is the slowest part.
TEST_F(BacklogTest, FullPipeIsFollowedByAnotherInOrder) {
  io::Backlog backlog(budget_, spare_);
  const auto all = pattern(90'000);
  put_into_pipe(backlog, Bytes(all.begin(), all.begin() + 30'000));
  const int full = backlog.pipe();
  const int next = backlog.next_pipe();
  ASSERT_GE(next, 0);
  EXPECT_NE(next, full);
  EXPECT_EQ(backlog.pipe(), next);
  EXPECT_EQ(backlog.next_pipe(), -1) << "an empty pipe is not full";
  put_into_pipe(backlog, Bytes(all.begin() + 30'000, all.begin() + 40'000));
  backlog.append(core::ByteView(all).subspan(40'000));
  EXPECT_EQ(drain(backlog), all);
}

TEST_F(BacklogTest, OneFlowDoesNotTakeAllPipes) {
  io::Backlog greedy(budget_, spare_);
  int pipes = 0;
  for (int pipe = greedy.pipe(); pipe >= 0 && pipes < 100; pipe = greedy.next_pipe(), ++pipes) {
    put_into_pipe(greedy, pattern(10));
  }
  EXPECT_GT(pipes, 1);
  EXPECT_GE(io::Backlog(budget_, spare_).pipe(), 0);
}

// While the flow lives its window stands for what is held.
TEST_F(BacklogTest, WhatOutlivesTheFlowIsChargedUntilItIsWritten) {
  io::Backlog backlog(budget_, spare_);
  const auto all = pattern(90'000);
  put_into_pipe(backlog, Bytes(all.begin(), all.begin() + 30'000));
  backlog.append(core::ByteView(all).subspan(30'000));
  EXPECT_EQ(budget_.used(), 0U);
  backlog.outlive_window();
  EXPECT_EQ(budget_.used(), all.size());
  EXPECT_EQ(drain(backlog), all);
  EXPECT_EQ(budget_.used(), 0U);
  put_into_pipe(backlog, pattern(10));
  backlog.outlive_window();
  backlog.clear();
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(BacklogTest, FlowsThatBreakWithAFullPipeDoNotUseUpThePipes) {
  for (int i = 0; i < 100; ++i) {
    io::Backlog backlog(budget_, spare_);
    put_into_pipe(backlog, pattern(1000));
  }
  io::Backlog backlog(budget_, spare_);
  put_into_pipe(backlog, pattern(10));
  EXPECT_EQ(drain(backlog), pattern(10)) << "bytes of a broken flow went to another";
}

TEST_F(BacklogTest, ManyStalledFlowsShareAFewPipesAndTheRestCopies) {
  std::vector<std::unique_ptr<io::Backlog>> backlogs;
  int with_pipe = 0;
  for (int i = 0; i < 50; ++i) {
    backlogs.push_back(std::make_unique<io::Backlog>(budget_, spare_));
    if (backlogs.back()->pipe() >= 0) ++with_pipe;
  }
  EXPECT_GT(with_pipe, 0);
  EXPECT_LT(with_pipe, 50);
  backlogs.clear();
  EXPECT_GE(io::Backlog(budget_, spare_).pipe(), 0) << "pipes that were not used do not come back";
}

}  // namespace
}  // namespace tfunnel::test
