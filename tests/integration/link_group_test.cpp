// Supervised links: what keeps them up, and what must be gone when they are over.
#include "client/links/link_group.hpp"

#include <gtest/gtest.h>

#include <boost/asio/signal_set.hpp>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "common/app/process.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

using client::CaptureMode;
using client::LinkGroup;
using namespace std::chrono_literals;

const std::string far_end = std::string("exec ") + TFUNNEL_PROXY_ONLY_PROGRAM + " --log-level error";

bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }

/// An application's end of a flow, which needs nothing.
struct Idle final : core::FlowHandler {
  void on_reset(core::Reason) override { ++resets; }
  core::Pulled pull(core::Batch&, std::size_t, core::Time) override { return {}; }
  static inline int resets = 0;
};

class Links {
 public:
  explicit Links(const std::string& command, int count = 1, core::Duration link_wait = 30s,
                 core::Duration restart_patience = 15s)
      : group_(context_, settings(command, count, link_wait, restart_patience),
               {[this](CaptureMode mode) { modes.push_back(mode); }, [this](io::ExitStatus status) { ended = status; }},
               log_),
        children_(context_, SIGCHLD) {
    app::ignore_sigpipe();
    watch();
    group_.start();
  }
  ~Links() {
    if (!ended) stop();
    EXPECT_TRUE(runs_dry()) << "something still waits when all is over";
  }

  template <class Condition>
  bool until(Condition condition, core::Duration limit = patience) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < end) context_.run_one_for(50ms);
    return condition();
  }
  bool until_up() {
    return until([&] { return group_.choose() != nullptr; });
  }
  void stop() {
    group_.stop("test");
    until([&] { return ended.has_value(); });
  }
  /// REQUIRES: it has ended.
  bool runs_dry() {
    over_ = true;
    children_.cancel();
    context_.restart();
    context_.run_for(patience);
    return context_.stopped();
  }
  [[nodiscard]] pid_t process(std::size_t link = 0) const { return groups_[link]; }
  LinkGroup& group() { return group_; }

  std::vector<CaptureMode> modes;
  std::optional<io::ExitStatus> ended;

 private:
  LinkGroup::Settings settings(const std::string& command, int count, core::Duration link_wait,
                               core::Duration restart_patience) {
    LinkGroup::Settings made{{client::Command::shell(command), {}, restart_patience}};
    made.link.session.announces = false;
    made.count = count;
    made.link_wait = link_wait;
    made.groups = groups_;
    return made;
  }
  void watch() {
    children_.async_wait([this](error_code error, int) {
      // One may be due already when all is cancelled.
      if (error || over_) return;
      group_.check_children();
      watch();
    });
  }

  asio::io_context context_{1};
  io::Log log_{io::LogLevel::error, io::LogFormat::text, "test"};
  std::array<std::atomic<pid_t>, 8> groups_{};
  LinkGroup group_;
  asio::signal_set children_;
  bool over_ = false;
};

TEST(LinkGroup, LostLinkComesBack) {
  Links links(far_end);
  ASSERT_TRUE(links.until_up());
  const auto first = links.process();
  ::kill(first, SIGKILL);
  ASSERT_TRUE(links.until([&] { return links.group().choose() == nullptr; }));
  ASSERT_TRUE(links.until_up());
  EXPECT_NE(links.process(), first);
  EXPECT_EQ(links.modes, (std::vector{CaptureMode::serve, CaptureMode::wait, CaptureMode::serve}));
}

TEST(LinkGroup, ThousandRestartsLeakNoDescriptor) {
  Links links(far_end);
  ASSERT_TRUE(links.until_up());
  const auto before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    ::kill(links.process(), SIGKILL);
    ASSERT_TRUE(links.until([&] { return links.process() == 0; })) << i;
    // As a change of the network does: no back-off.
    links.group().nudge();
    ASSERT_TRUE(links.until_up()) << i;
  }
  EXPECT_TRUE(links.until([&] { return open_descriptors() <= before; })) << open_descriptors() << " " << before;
}

TEST(LinkGroup, FarEndThatNeverStartsEndsIt) {
  Links links("exit 3", 2);
  ASSERT_TRUE(links.until([&] { return links.ended.has_value(); }));
  EXPECT_EQ(*links.ended, io::ExitStatus::link_lost);
  EXPECT_TRUE(links.modes.empty());
}

TEST(LinkGroup, NoTfunnelAtTheFarEndIsToldApart) {
  Links links("echo hello");
  ASSERT_TRUE(links.until([&] { return links.ended.has_value(); }));
  EXPECT_EQ(*links.ended, io::ExitStatus::protocol);
}

TEST(LinkGroup, OneBadStartOfSeveralIsTriedAgain) {
  const auto mark = std::filesystem::temp_directory_path() / ("link-group-" + std::to_string(::getpid()));
  Links links("mkdir " + mark.string() + " 2>/dev/null && exit 1; " + far_end, 2);
  ASSERT_TRUE(links.until_up());
  ASSERT_TRUE(links.until([&] { return links.process(0) != 0 && links.process(1) != 0; }));
  EXPECT_FALSE(links.ended);
  std::filesystem::remove(mark);
}

TEST(LinkGroup, FlowsSpreadEvenlyAndDieWithTheirLinkAlone) {
  Links links(far_end, 4);
  ASSERT_TRUE(links.until([&] {
    std::set<io::Session*> seen;
    for (int i = 0; i < 8; ++i) seen.insert(links.group().choose().get());
    return seen.size() == 4 && !seen.contains(nullptr);
  }));
  std::map<io::Session*, int> flows;
  for (int i = 0; i < 40; ++i) {
    const auto link = links.group().choose();
    ++flows[link.get()];
    const core::Endpoint source{core::Address::v4({192, 0, 2, 1}), static_cast<std::uint16_t>(i + 1)};
    link->mux().open({core::Transport::udp, source, {}}, std::make_shared<Idle>());
  }
  for (const auto& [link, count] : flows) EXPECT_EQ(count, 10);
  Idle::resets = 0;
  ::kill(links.process(2), SIGKILL);
  ASSERT_TRUE(links.until([&] { return Idle::resets > 0; }));
  EXPECT_EQ(Idle::resets, 10);
  EXPECT_EQ(links.modes.back(), CaptureMode::serve);
}

TEST(LinkGroup, NewFlowsAreRefusedAtOnceIfTheyShallNotWait) {
  Links links(far_end, 1, 0s);
  ASSERT_TRUE(links.until_up());
  ::kill(-links.process(), SIGKILL);
  ASSERT_TRUE(links.until([&] { return links.modes.size() >= 2; }));
  EXPECT_EQ(links.modes[1], CaptureMode::refuse);
}

TEST(LinkGroup, NewFlowsAreRefusedWhenTheyHaveWaitedLongEnough) {
  const auto mark = std::filesystem::temp_directory_path() / ("link-wait-" + std::to_string(::getpid()));
  Links links("mkdir " + mark.string() + " 2>/dev/null || exit 1; " + far_end, 1, 50ms);
  ASSERT_TRUE(links.until_up());
  ::kill(-links.process(), SIGKILL);
  ASSERT_TRUE(links.until([&] { return links.modes.size() >= 3; }));
  EXPECT_EQ(links.modes, (std::vector{CaptureMode::serve, CaptureMode::wait, CaptureMode::refuse}));
  std::filesystem::remove(mark);
}

TEST(LinkGroup, CommandThatIgnoresTheGoodbyeIsKilled) {
  Links links("trap '' TERM; " + far_end.substr(5) + "; while :; do sleep 1; done");
  ASSERT_TRUE(links.until_up());
  const auto process = links.process();
  links.stop();
  EXPECT_EQ(links.ended, io::ExitStatus::ok);
  EXPECT_FALSE(runs(process));
}

TEST(LinkGroup, WhatTheCommandLeftBehindEndsWithIt) {
  Links links("sleep 1000 & echo $! >&2; " + far_end);
  ASSERT_TRUE(links.until_up());
  const auto group = links.process();
  links.stop();
  ASSERT_TRUE(links.until([&] { return ::kill(-group, 0) != 0; }));
}

/// A folder that goes with the test.
struct Folder {
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("link-group-" + std::to_string(::getpid()));
};

TEST(LinkGroup, RestartThatHangsIsGivenUpLongBeforeAFirstStartWouldBe) {
  const Folder folder;
  const auto once = [&](const std::string& name) { return "mkdir " + (folder / name) + " 2>/dev/null"; };
  Links links(once("first") + " || { " + once("second") + " && exec sleep 1000; }; " + far_end, 1, 30s, 200ms);
  ASSERT_TRUE(links.until_up());
  ::kill(-links.process(), SIGKILL);
  ASSERT_TRUE(links.until([&] { return links.group().choose() == nullptr; }));
  EXPECT_TRUE(links.until_up());
  EXPECT_TRUE(std::filesystem::exists(folder / "second"));
}

TEST(LinkGroup, RestartThatHangsOnAControlMasterIsTriedWithoutIt) {
  const Folder folder;
  std::ofstream(folder / "ssh") << "#!/bin/sh\ncase $* in *ControlPath=none*) " << far_end << ";; esac\n"
                                << "mkdir " << (folder / "first") << " && " << far_end << "\nexec sleep 1000\n";
  std::filesystem::permissions(folder / "ssh", std::filesystem::perms::owner_all);
  Links links("PATH=" + folder.path.string() + ":$PATH; exec ssh -o ControlPath=/master host tfunnel", 1, 30s, 200ms);
  ASSERT_TRUE(links.until_up());
  ::kill(-links.process(), SIGKILL);
  ASSERT_TRUE(links.until([&] { return links.group().choose() == nullptr; }));
  EXPECT_TRUE(links.until_up());
}

TEST(LinkGroup, WhoHoldsStandardErrorForEverDoesNotHoldUpTheEnd) {
  const Folder folder;
  const auto number = folder / "number";
  Links links("setsid sh -c 'echo $$ >" + number + "; exec sleep 1000' >/dev/null & " + far_end);
  ASSERT_TRUE(links.until_up());
  pid_t holder = 0;
  ASSERT_TRUE(links.until([&] { return static_cast<bool>(std::ifstream(number) >> holder); }));
  links.stop();
  EXPECT_EQ(links.ended, io::ExitStatus::ok);
  EXPECT_TRUE(links.runs_dry());
  EXPECT_TRUE(runs(holder)) << "it holds nothing up";
  ::kill(holder, SIGKILL);
}

TEST(LinkGroup, FloodOnStandardErrorDoesNotHoldUpTheLink) {
  Links links("head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; yes | head -n 100000 >&2; " + far_end);
  EXPECT_TRUE(links.until_up());
}

}  // namespace
}  // namespace tfunnel::test
