// What is seen of a command and of what it has started.
#include "client/process/child_group.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "client/process/child_process.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

using client::ChildGroup;
using client::ChildProcess;
using client::Command;

/// Ends with whatever it has started.
struct Child {
  explicit Child(const std::string& command)
      : process(ChildProcess::start(Command::shell(command))), group(process.pid) {}
  ~Child() {
    group.signal(SIGKILL);
    if (group.led() > 0) ::waitpid(group.led(), nullptr, 0);
  }
  /// Waits until there are some.
  std::optional<int> news(int kind) {
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(process.pid), &info, kind | WNOWAIT), 0);
    return group.news();
  }

  ChildProcess process;
  ChildGroup group;
};

TEST(ChildGroup, NothingIsNewsWhileTheCommandRuns) {
  Child child("exec sleep 1000");
  EXPECT_EQ(child.group.news(), std::nullopt);
  EXPECT_EQ(child.group.led(), child.process.pid);
  EXPECT_TRUE(child.group.anybody_left());
}

TEST(ChildGroup, StoppedCommandStillLeads) {
  Child child("kill -STOP $$; exit 4");
  const auto stopped = child.news(WSTOPPED);
  ASSERT_TRUE(stopped && WIFSTOPPED(*stopped));
  EXPECT_EQ(child.group.led(), child.process.pid);
  child.group.signal(SIGCONT);
  const auto ended = child.news(WEXITED);
  ASSERT_TRUE(ended);
  EXPECT_EQ(client::describe_end(*ended), "ended with status 4");
}

TEST(ChildGroup, WhatTheCommandLeftIsReachedAfterItsEnd) {
  Child child("sleep 1000 & exit 3");
  const auto ended = child.news(WEXITED);
  ASSERT_TRUE(ended);
  EXPECT_EQ(client::describe_end(*ended), "ended with status 3");
  EXPECT_EQ(child.group.led(), 0);
  EXPECT_EQ(child.group.news(), std::nullopt);
  EXPECT_TRUE(child.group.anybody_left());
  child.group.signal(SIGKILL);
  // It is not our child: whoever is its parent now has to see its end first.
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (child.group.anybody_left() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_FALSE(child.group.anybody_left());
}

TEST(ChildGroup, NumberOfAnEmptyGroupIsForgotten) {
  Child child("exec true");
  ASSERT_TRUE(child.news(WEXITED));
  EXPECT_EQ(child.group.number(), child.process.pid);
  EXPECT_FALSE(child.group.anybody_left());
  EXPECT_EQ(child.group.number(), 0) << "another process may have it now, which must get no signal";
}

}  // namespace
}  // namespace tfunnel::test
