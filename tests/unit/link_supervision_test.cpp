// When a link's command is started, ended, and started again: every rule, without a process or a clock.
#include "client/links/link_supervision.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

namespace tfunnel::test {
namespace {

using client::LinkSupervision;
using core::LastCall;
using io::ExitStatus;
using namespace std::chrono_literals;

using Words = std::vector<std::string>;

std::string in_milliseconds(core::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

/// An action in words.
struct InWords {
  std::string operator()(const LinkSupervision::Start& start) const {
    return std::string("start") + (start.past_master ? " past the master" : "") + ", to greet within " +
           in_milliseconds(start.greeting_timeout) + (start.tells_silence ? ", silence is told" : "");
  }
  std::string operator()(const LinkSupervision::Signal& signal) const {
    static const std::map<int, std::string> names{{SIGTERM, "SIGTERM"}, {SIGKILL, "SIGKILL"}, {SIGCONT, "SIGCONT"}};
    return names.at(signal.number);
  }
  std::string operator()(const LinkSupervision::LendTerminal&) const { return "lend the terminal"; }
  std::string operator()(const LinkSupervision::TakeTerminalBack&) const { return "take the terminal back"; }
  std::string operator()(const LinkSupervision::Drain&) const { return "drain"; }
  std::string operator()(const LinkSupervision::ShutDown& end) const { return "shut down: " + end.why; }
  std::string operator()(const LinkSupervision::Probe&) const { return "probe"; }
  std::string operator()(const LinkSupervision::Hush&) const { return "hush"; }
  std::string operator()(const LinkSupervision::Close&) const { return "close"; }
  std::string operator()(const LinkSupervision::Say& say) const {
    static const std::map<io::LogLevel, std::string> names{{io::LogLevel::warning, "warning"},
                                                           {io::LogLevel::info, "info"}};
    return names.at(say.level) + (say.about_command ? " about the command: " : ": ") + say.text;
  }
  std::string operator()(const LinkSupervision::TellUp&) const { return "up"; }
  std::string operator()(const LinkSupervision::TellDown&) const { return "down"; }
  std::string operator()(const LinkSupervision::TellFailed& failed) const {
    return "failed with " + std::to_string(static_cast<int>(failed.failure.status)) + ": " + failed.failure.why;
  }
  std::string operator()(const LinkSupervision::TellStopped&) const { return "stopped"; }
  std::string operator()(const LinkSupervision::TellCut& cut) const { return "cut: " + cut.left.left.text(); }
};

Words words(const LinkSupervision::Actions& actions) {
  Words all;
  for (const auto& action : actions) all.push_back(std::visit(InWords(), action));
  return all;
}

bool tells(const Words& all, const std::string& part) {
  for (const auto& one : all) {
    if (one.find(part) != std::string::npos) return true;
  }
  return false;
}

const Words nothing;

/// A link, and a clock that is moved by hand. The chance is such that waits are as long as they may be: 250 ms first.
class Link {
 public:
  explicit Link(bool uses_ssh = true) : link_({120s, 15s, uses_ssh, [] { return 1.0; }}) {}
  explicit Link(const char* script) : link_({120s, 15s, false, [] { return 1.0; }, script}) {}

  static LinkSupervision::Settings patient() {
    return {.greeting_timeout = 120s, .restart_patience = 15s, .chance = [] { return 1.0; }, .keeps_trying = true};
  }
  explicit Link(LinkSupervision::Settings settings) : link_(std::move(settings)) {}

  Words start() { return words(link_.start(now)); }
  Words start_fails() { return words(link_.start_failed(now, "no room")); }
  Words greeted_after(core::Duration time) {
    now += time;
    return words(link_.greeted(now, "tfunnel 2"));
  }
  Words session_ends(const core::Drain::Facts& left = {}) {
    return words(link_.session_ended(now, ExitStatus::link_lost, "the link ended", left));
  }
  Words stops_by(int signal) { return words(link_.command_stopped(signal)); }
  Words lent() { return words(link_.lent()); }
  Words refused() { return words(link_.refused()); }
  Words command_ends(const std::string& how = "ended with status 3", bool interrupted = false) {
    return words(link_.command_ended(now, {how, interrupted}));
  }
  Words command_ends_with(int status, const std::string& last_words = {}) {
    return words(link_.command_ended(now, {"ended with status " + std::to_string(status), false, status, last_words}));
  }
  Words group_goes() { return words(link_.group_gone(now)); }
  Words after(core::Duration time) {
    now += time;
    return words(link_.time_passed(now));
  }
  Words retry() { return words(link_.retry(now)); }
  Words nudge() { return words(link_.nudge(now)); }
  Words drain() { return words(link_.drain(LastCall::Terms::what_was_sent)); }
  Words stop() { return words(link_.stop(now, "enough")); }
  /// Until it wants to be told that time has passed; negative: it does not.
  [[nodiscard]] core::Duration due() const { return link_.due() ? *link_.due() - now : core::Duration(-1); }
  [[nodiscard]] bool waits() const { return link_.due().has_value(); }

  void come_up() {
    start();
    greeted_after(1s);
  }
  /// After `lived`: the session ends, and the command and its group with it.
  Words lose(core::Duration lived) {
    now += lived;
    session_ends();
    return end_command();
  }
  Words end_command() {
    command_ends();
    return group_goes();
  }
  /// A restart at which nobody greets: it is ended once its time is over.
  Words hang() {
    after(due());
    now += 120s;
    session_ends();
    after(300ms);
    return end_command();
  }

  core::Time now{1h};

 private:
  LinkSupervision link_;
};

core::Drain::Facts something_left() {
  core::Drain::Facts facts;
  facts.left.bytes = 1000;
  return facts;
}

TEST(LinkSupervision, FirstStartHasTimeForAPassword) {
  Link link;
  EXPECT_EQ(link.start(), Words{"start, to greet within 120000 ms"});
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, SilenceIsToldOfACommandThatAPersonWroteUntilItWasRight) {
  Link link("ssh host tfunnel");
  EXPECT_EQ(link.start(), Words{"start, to greet within 120000 ms, silence is told"});
  link.greeted_after(1s);
  link.lose(1min);
  EXPECT_EQ(link.after(link.due()), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, NobodyIsToldOfSilenceWhoHasBeenAskedSomething) {
  Link link("ssh host tfunnel");
  link.start();
  link.stops_by(SIGTTIN);
  EXPECT_EQ(link.lent(), Words{"hush"});
}

struct StatusAndWords {
  int status;
  const char* script;
  const char* last_words;
  const char* words;
};

TEST(LinkSupervision, LastLineSaysWhatTheStatusMeans) {
  constexpr const char* unknown = "the link ended";
  constexpr const char* there = "tfunnel was not found there, see above";
  const StatusAndWords cases[] = {
      {255, "ssh host tfunnel", "", "ssh failed, see above"},
      {255, "something", "", unknown},
      {3, "ssh host tfunnel", "", unknown},
      {64, "ssh host tfunnel", "", unknown},
      // It is installed there, and has said what is wrong.
      {64, "ssh host tfunnel --foo", "tfunnel: unrecognised option '--foo'; see --help", "said anything, see above"},
      {77, "ssh host tfunnel", "tfunnel: no", "said anything, see above"},
      {3, "ssh host tfunnel", "no such host", "said anything, see above"},
      // Missing there, as different shells say it.
      {127, "ssh host tfunnel", "", there},
      {127, "ssh host tfunnel", "bash: line 1: tfunnel: command not found", there},
      {127, "ssh bash tfunnel", "bash: line 1: tfunnel: command not found", there},
      {127, "ssh host tfunnel", "sh: 1: tfunnel: not found", there},
      {127, "ssh host tfunnel", "zsh:1: command not found: tfunnel", there},
      {127, "ssh host tfunnel", "fish: Unknown command: tfunnel", there},
      {127, "ssh host tfunnel", "tfunnel: Command not found.", there},
      {127, "ssh host '~/bin/tfunnel'", "bash: Zeile 1: /home/a/bin/tfunnel: Datei oder Verzeichnis nicht gefunden",
       there},
      {127, "sh -c 'ssh host tfunnel'", "sh: 1: tfunnel: not found", there},
      {127, "ssh host tfunnel", "something else", there},
      // Missing here: the program that leads there, or one in front of it.
      {127, "ssh host tfunnel", "sh: 2: eval: ssh: not found", "'ssh' was not found on this machine"},
      {127, "ssh host tfunnel", "sh: line 3: ssh: command not found", "'ssh' was not found on this machine"},
      {127, "autossh -M 0 host tfunnel", "sh: 2: eval: autossh: not found", "'autossh' was not found on this machine"},
      {127, "~/bin/myssh host tfunnel", "sh: 2: eval: /home/me/bin/myssh: not found",
       "'/home/me/bin/myssh' was not found on this"},
      {127, "sshpass -f f ssh host tfunnel", "sh: 2: eval: sshpass: not found",
       "'sshpass' was not found on this machine"},
      {127, "cd / && nosuch ssh host tfunnel", "sh: 2: eval: nosuch: not found",
       "'nosuch' was not found on this machine"},
      {127, "env ssh host tfunnel", "env: \xe2\x80\x98ssh\xe2\x80\x99: No such file or directory",
       "'ssh' was not found on this"},
      {127, "nohup ssh host tfunnel", "nohup: failed to run command 'ssh': No such file or directory",
       "'ssh' was not found on"},
      {127, "nothing-of-that-name", "sh: 2: eval: nothing-of-that-name: not found",
       "'nothing-of-that-name' was not found on this"},
      // Who knows where.
      {127, "docker exec -i box tfunnel", "sh: tfunnel: not found", "status 127: 'tfunnel' was not found, see above"},
      {127, "./my-link", "something else", "status 127: a program was not found, see above"},
      {126, "/etc/passwd", "sh: 2: eval: /etc/passwd: Permission denied",
       "'/etc/passwd' cannot be executed on this machine"},
      {126, "ssh host /etc/passwd", "sh: 1: /etc/passwd: Permission denied", "'/etc/passwd' cannot be executed there"},
      {126, "something", "", "a program cannot be executed, see above"},
      {127, " user@host", "sh: 2: eval: user@host: not found",
       "'user@host' is no command; did you mean 'ssh user@host tfunnel'?"},
      {126, "user@192.0.2.1 tfunnel", "", "did you mean 'ssh user@192.0.2.1 tfunnel'?"},
      {127, "a@b:tfunnel", "", "'a@b:tfunnel' is no command; did you mean 'ssh a@b tfunnel'?"},
      {127, "localhost", "sh: 2: eval: localhost: not found", "did you mean 'ssh localhost tfunnel'?"},
      {127, "192.0.2.1", "sh: 2: eval: 192.0.2.1: not found", "did you mean 'ssh 192.0.2.1 tfunnel'?"},
      {127, "2001:db8::1", "", "did you mean 'ssh 2001:db8::1 tfunnel'?"},
      {127, "ssh://a@b", "sh: 2: eval: ssh://a@b: not found", "did you mean 'ssh ssh://a@b tfunnel'?"},
      {127, "host.example ", "", "did you mean 'ssh host.example tfunnel'?"},
      {127, "./link.sh", "sh: 2: eval: ./link.sh: not found", "'./link.sh' was not found on this machine"},
      {127, "\"ssh host tfunnel\"", "sh: 2: eval: ssh host tfunnel: not found", "the command is quoted twice"},
      {127, "'a b' 'c d'", "", "a program was not found, see above"},
      {127, "a@b;c", "", "a program was not found, see above"},
      {127, "@host", "", "a program was not found, see above"},
      {127, "x", "sh: x\x1b[2J: not found", "a program was not found, see above"},
  };
  for (const auto& one : cases) {
    Link link(one.script);
    link.start();
    link.session_ends();
    link.command_ends_with(one.status, one.last_words);
    const auto said = link.group_goes();
    EXPECT_TRUE(tells(said, "failed with 69: the link's command ended with status " + std::to_string(one.status)));
    EXPECT_TRUE(tells(said, one.words)) << one.status << ' ' << one.last_words << ": " << said.back();
  }
}

TEST(LinkSupervision, StatusOfALinkThatWasUpIsNotExplainedAsOneThatNeverWas) {
  Link link("ssh host tfunnel");
  link.come_up();
  link.session_ends();
  link.command_ends_with(255);
  EXPECT_TRUE(tells(link.group_goes(), "link lost: the link's command ended with status 255: the link ended;"));
  link.after(link.due());
  link.session_ends();
  link.command_ends_with(255);
  EXPECT_TRUE(tells(link.group_goes(), "still down: the link's command ended with status 255: ssh failed, see above;"));
}

TEST(LinkSupervision, CommandThatReportsCtrlCWasInterrupted) {
  Link link;
  link.start();
  link.session_ends();
  link.command_ends_with(130);
  EXPECT_TRUE(tells(link.group_goes(), "failed with 130: interrupted"));
}

TEST(LinkSupervision, FirstGreetingTellsToWhom) {
  Link link;
  link.start();
  EXPECT_EQ(link.greeted_after(1s),
            (Words{"take the terminal back", "info: link is up: connected to tfunnel 2", "up"}));
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, LaterGreetingTellsHowLongItWasDown) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.after(250ms);
  EXPECT_EQ(link.greeted_after(2s), (Words{"take the terminal back", "info: link is up again after 2.2 s", "up"}));
}

TEST(LinkSupervision, LostLinkIsToldAtOnceAndItsCommandMayEndByItself) {
  Link link;
  link.come_up();
  EXPECT_EQ(link.session_ends(), Words{"down"});
  EXPECT_EQ(link.due(), 300ms);
}

TEST(LinkSupervision, CommandThatDoesNotEndGetsItsSignals) {
  Link link;
  link.come_up();
  link.session_ends();
  EXPECT_EQ(link.after(299ms), nothing);
  EXPECT_EQ(link.after(1ms), Words{"SIGTERM"});
  EXPECT_EQ(link.due(), 1s);
  EXPECT_EQ(link.after(1s), Words{"SIGKILL"});
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, CommandThatEndedInTimeGetsNoSignalLater) {
  Link link;
  link.come_up();
  link.session_ends();
  link.now += 100ms;
  link.command_ends();
  link.group_goes();
  EXPECT_FALSE(tells(link.after(250ms - 1ms), "SIG"));
}

TEST(LinkSupervision, WhatTheCommandLeavesBehindGetsASecond) {
  Link link;
  link.come_up();
  link.session_ends();
  EXPECT_EQ(link.command_ends(), (Words{"take the terminal back", "SIGTERM"}));
  for (int i = 0; i < 49; ++i) {
    EXPECT_EQ(link.due(), 20ms);
    EXPECT_EQ(link.after(20ms), nothing);
  }
  EXPECT_EQ(link.after(20ms).front(), "SIGKILL");
}

TEST(LinkSupervision, NextStartWaitsForTheRestOfTheGroup) {
  Link link;
  link.come_up();
  link.session_ends();
  link.command_ends();
  EXPECT_EQ(link.after(500ms), nothing);
  EXPECT_EQ(link.group_goes(), (Words{"close",
                                      "warning: link lost: the link's command ended with status 3: the link ended; "
                                      "trying again in 0.2 s"}));
  EXPECT_EQ(link.due(), 250ms);
}

TEST(LinkSupervision, EmptyGroupOfACommandThatRunsIsNoEnd) {
  Link link;
  link.come_up();
  EXPECT_EQ(link.group_goes(), nothing);
  link.session_ends();
  EXPECT_EQ(link.group_goes(), nothing);
  EXPECT_EQ(link.due(), 300ms);
}

TEST(LinkSupervision, WhatTheCommandSaidLastIsReadBeforeTheStartIsOver) {
  Link link;
  link.come_up();
  link.command_ends();
  EXPECT_EQ(link.group_goes(), nothing);
  EXPECT_FALSE(link.waits());
  const auto said = link.session_ends();
  ASSERT_EQ(said.size(), 3);
  EXPECT_EQ(said[0], "close");
  EXPECT_TRUE(said[1].starts_with("warning: link lost: ")) << said[1];
  EXPECT_EQ(said[2], "down");
}

TEST(LinkSupervision, HowTheCommandEndedIsNoReasonIfWeEndedIt) {
  Link link;
  link.come_up();
  link.session_ends();
  link.after(300ms);
  link.command_ends("was ended by signal 15 (Terminated)");
  EXPECT_EQ(link.group_goes(), (Words{"close", "warning: link lost: the link ended; trying again in 0.2 s"}));
}

TEST(LinkSupervision, CommandThatEndsByItselfAfterOneThatWeEndedIsAReasonAgain) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.hang();
  link.after(link.due());
  link.session_ends();
  EXPECT_TRUE(tells(link.end_command(), "the link's command ended with status 3"));
}

TEST(LinkSupervision, LinkThatNeverWasUpIsNotTriedAgainByItself) {
  Link link;
  link.start();
  EXPECT_EQ(link.session_ends(), nothing);
  EXPECT_EQ(link.end_command(),
            (Words{"close", "failed with 69: the link's command ended with status 3: the link ended"}));
  EXPECT_FALSE(link.waits());
  EXPECT_EQ(link.nudge(), nothing);
}

TEST(LinkSupervision, LinkThatNeverWasUpIsTriedAgainOnRequest) {
  Link link;
  link.start();
  link.session_ends();
  link.end_command();
  EXPECT_EQ(link.retry(), Words{"info: link is still down: it did not come up; trying again in 0.2 s"});
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 120000 ms"});
}

TEST(LinkSupervision, LinkThatNeverWasUpIsTriedAgainWhereThatIsWanted) {
  Link link(Link::patient());
  link.start();
  link.session_ends();
  link.command_ends();
  EXPECT_EQ(link.group_goes(),
            (Words{"close",
                   "warning: no link yet: the link's command ended with status 3: the link ended; trying "
                   "again in 0.2 s"}));
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 120000 ms"});
  link.session_ends();
  link.command_ends();
  EXPECT_TRUE(tells(link.group_goes(), "info: link is still down: ")) << "one warning is enough";
  EXPECT_TRUE(link.waits());
}

TEST(LinkSupervision, CtrlCEndsALinkThatIsTriedAgain) {
  Link link(Link::patient());
  link.start();
  link.session_ends();
  link.command_ends("was ended by signal 2 (Interrupt)", true);
  EXPECT_TRUE(tells(link.group_goes(), "failed with 130: "));
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, CtrlCAtTheFirstQuestionIsToldApart) {
  Link link;
  link.start();
  link.session_ends();
  link.command_ends("was ended by signal 2 (Interrupt)", true);
  EXPECT_TRUE(tells(link.group_goes(), "failed with 130: "));
}

TEST(LinkSupervision, RestartHasLessTimeToGreet) {
  Link link;
  link.come_up();
  link.lose(1min);
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, LoginThatIsAlwaysSlowIsNotCutOff) {
  Link link;
  link.start();
  link.greeted_after(40s);
  link.lose(1min);
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 80000 ms"});
}

TEST(LinkSupervision, NoRestartHasMoreTimeThanTheFirstStart) {
  Link link;
  link.start();
  link.greeted_after(100s);
  link.lose(1min);
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 120000 ms"});
}

TEST(LinkSupervision, TimeInWhichAPersonTypedIsNoSlowLogin) {
  Link link;
  link.start();
  EXPECT_EQ(link.stops_by(SIGTTIN), Words{"lend the terminal"});
  EXPECT_EQ(link.lent(), Words{"hush"});
  link.greeted_after(100s);
  link.lose(1min);
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, SlowRestartAfterAPersonTypedIsASlowLogin) {
  Link link;
  link.start();
  link.stops_by(SIGTTIN);
  link.lent();
  link.greeted_after(100s);
  link.lose(1min);
  link.after(250ms);
  link.greeted_after(14s);
  link.lose(1min);
  EXPECT_EQ(link.after(250ms), Words{"start, to greet within 28000 ms"});
}

TEST(LinkSupervision, RestartThatHangsIsTriedPastTheMasterThenWithItAgain) {
  Link link;
  link.come_up();
  link.lose(1min);
  EXPECT_TRUE(tells(link.hang(), ", ssh without a ControlMaster, which may be dead"));
  EXPECT_EQ(link.due(), 500ms);
  EXPECT_FALSE(tells(link.hang(), "ControlMaster"));
  EXPECT_EQ(link.after(link.due()), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, StartPastTheMasterIsOne) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.hang();
  EXPECT_EQ(link.after(link.due()), Words{"start past the master, to greet within 15000 ms"});
}

TEST(LinkSupervision, LinkThatCameUpPastTheMasterStaysPastIt) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.hang();
  link.after(link.due());
  link.greeted_after(1s);
  const auto said = link.lose(1min);
  EXPECT_FALSE(tells(said, "ControlMaster"));
  EXPECT_EQ(link.after(link.due()), Words{"start past the master, to greet within 15000 ms"});
}

TEST(LinkSupervision, CommandThatEndedByItselfDidNotHangOnAMaster) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.after(250ms);
  link.now += 120s;
  link.command_ends();
  link.group_goes();
  EXPECT_FALSE(tells(link.session_ends(), "ControlMaster"));
}

TEST(LinkSupervision, RestartThatFailedSoonDidNotHangOnAMaster) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.after(250ms);
  link.now += 14s;
  link.session_ends();
  EXPECT_FALSE(tells(link.end_command(), "ControlMaster"));
}

TEST(LinkSupervision, CommandWithoutSshHasNoMaster) {
  Link link(false);
  link.come_up();
  link.lose(1min);
  EXPECT_FALSE(tells(link.hang(), "ControlMaster"));
  EXPECT_EQ(link.after(link.due()), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, DeadHostIsAskedLessAndLessOften) {
  Link link;
  link.come_up();
  link.lose(1s);
  core::Duration last{};
  for (int i = 0; i < 20; ++i) {
    EXPECT_GE(link.due(), last);
    last = link.due();
    link.after(link.due());
    link.session_ends();
    EXPECT_TRUE(tells(link.end_command(), "info: link is still down: "));
  }
  EXPECT_EQ(last, core::BackOff::longest);
}

TEST(LinkSupervision, LinkThatLivedIsTriedAgainSoon) {
  Link link;
  link.come_up();
  for (int i = 0; i < 10; ++i) {
    link.lose(1s);
    link.after(link.due());
    link.greeted_after(1s);
  }
  EXPECT_TRUE(tells(link.lose(core::BackOff::healthy), "warning: link lost: "));
  EXPECT_EQ(link.due(), core::BackOff::first);
}

TEST(LinkSupervision, StartThatFindsNoRoomIsTriedAgain) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.after(250ms);
  EXPECT_EQ(link.start_fails(), Words{"info: link is still down: no room; trying again in 0.5 s"});
  EXPECT_EQ(link.after(500ms), Words{"start, to greet within 15000 ms"});
}

TEST(LinkSupervision, StartThatFindsNoRoomDidNotHangOnAMaster) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.hang();
  link.hang();
  link.after(link.due());
  EXPECT_FALSE(tells(link.start_fails(), "ControlMaster"));
}

TEST(LinkSupervision, StartThatFindsNoRoomLeavesNothingToWaitFor) {
  Link link;
  link.come_up();
  link.lose(1min);
  link.after(250ms);
  link.start_fails();
  EXPECT_EQ(link.stop(), Words{"stopped"});
}

TEST(LinkSupervision, OnlyTheFirstStartThatFindsNoRoomIsItsCallersBusiness) {
  LinkSupervision link({120s, 15s, true, [] { return 1.0; }});
  const core::Time now{1h};
  const auto first = link.start(now);
  EXPECT_TRUE(std::get<LinkSupervision::Start>(first.at(0)).is_first);
  EXPECT_EQ(link.session_ended(now, ExitStatus::link_lost, "", {}).size(), 0);
  EXPECT_EQ(link.command_ended(now, {}).size(), 2);
  EXPECT_EQ(link.group_gone(now).size(), 2);
  EXPECT_EQ(link.retry(now).size(), 1);
  const auto second = link.time_passed(now + 250ms);
  EXPECT_FALSE(std::get<LinkSupervision::Start>(second.at(0)).is_first);
}

TEST(LinkSupervision, NudgeProbesALinkThatIsUpAndOneThatComesUp) {
  Link link;
  link.start();
  EXPECT_EQ(link.nudge(), Words{"probe"});
  link.greeted_after(1s);
  EXPECT_EQ(link.nudge(), Words{"probe"});
}

TEST(LinkSupervision, NudgeStartsAtOnceAndMakesTheNextWaitShort) {
  Link link;
  link.come_up();
  link.lose(1s);
  for (int i = 0; i < 5; ++i) {
    link.after(link.due());
    link.session_ends();
    link.end_command();
  }
  EXPECT_GT(link.due(), 5s);
  EXPECT_EQ(link.nudge(), Words{"start, to greet within 15000 ms"});
  EXPECT_FALSE(link.waits());
  link.session_ends();
  link.end_command();
  EXPECT_EQ(link.due(), core::BackOff::first);
}

TEST(LinkSupervision, NudgeStartsNothingWhileTheOldCommandEnds) {
  Link link;
  link.come_up();
  link.session_ends();
  EXPECT_EQ(link.nudge(), nothing);
  link.command_ends();
  EXPECT_EQ(link.nudge(), nothing);
}

TEST(LinkSupervision, TerminalIsLentBeforeTheFirstLinkIsUpAndTakenBack) {
  for (const int signal : {SIGTTIN, SIGTTOU}) {
    Link link;
    link.start();
    EXPECT_EQ(link.stops_by(signal), Words{"lend the terminal"});
    link.session_ends();
    EXPECT_EQ(link.command_ends().front(), "take the terminal back");
  }
}

TEST(LinkSupervision, CommandThatCannotHaveTheTerminalIsKilled) {
  const Words killed{
      "warning about the command: the command asks for the terminal, which is not free: use a key or an "
      "agent",
      "SIGKILL"};
  Link link;
  link.start();
  link.stops_by(SIGTTIN);
  EXPECT_EQ(link.refused(), killed);

  Link up;
  up.come_up();
  EXPECT_EQ(up.stops_by(SIGTTIN), killed);
  up.lose(1min);
  up.after(250ms);
  EXPECT_EQ(up.stops_by(SIGTTIN), killed) << "once there was a tunnel, somebody may be typing something else";

  Link ending;
  ending.start();
  ending.stop();
  EXPECT_EQ(ending.stops_by(SIGTTOU), killed);
}

TEST(LinkSupervision, CommandThatIsStoppedOtherwiseGoesOn) {
  Link link;
  link.come_up();
  EXPECT_EQ(link.stops_by(SIGSTOP), Words{"SIGCONT"});
  EXPECT_EQ(link.stops_by(SIGTSTP), Words{"SIGCONT"});
}

TEST(LinkSupervision, LinkThatComesUpLaterIsDrainedToo) {
  Link link;
  link.start();
  EXPECT_EQ(link.drain(), nothing);
  const auto said = link.greeted_after(1s);
  ASSERT_EQ(said.size(), 4);
  EXPECT_EQ(said[2], "drain");
  EXPECT_EQ(said[3], "up");
}

TEST(LinkSupervision, LinkThatIsUpIsDrainedNow) {
  Link link;
  link.come_up();
  EXPECT_EQ(link.drain(), Words{"drain"});
}

TEST(LinkSupervision, WhatIsLostAtTheEndIsToldAndOtherwiseNot) {
  Link lost;
  lost.come_up();
  EXPECT_EQ(lost.session_ends(something_left()), Words{"down"});

  Link ending;
  ending.come_up();
  ending.drain();
  EXPECT_EQ(ending.session_ends(something_left()), (Words{"cut: 1000 bytes", "down"}));

  Link whole;
  whole.come_up();
  whole.drain();
  EXPECT_EQ(whole.session_ends(), Words{"down"});
}

TEST(LinkSupervision, StopSaysGoodbyeThenTheCommandHasASecond) {
  Link link;
  link.come_up();
  EXPECT_EQ(link.stop(), Words{"shut down: enough"});
  EXPECT_FALSE(link.waits());
  EXPECT_EQ(link.session_ends(), Words{"down"});
  EXPECT_EQ(link.due(), 1s);
  EXPECT_EQ(link.after(1s), Words{"SIGTERM"});
  EXPECT_EQ(link.after(1s), Words{"SIGKILL"});
  EXPECT_EQ(link.end_command(), (Words{"close", "stopped"}));
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, CommandThatHasNotGreetedHearsNoGoodbye) {
  Link link;
  link.start();
  EXPECT_EQ(link.stop(), (Words{"shut down: enough", "SIGTERM"}));
  EXPECT_EQ(link.session_ends(), nothing);
  EXPECT_EQ(link.due(), 1s) << "the session's end must not begin its end anew";
  EXPECT_EQ(link.after(1s), Words{"SIGKILL"});
  EXPECT_EQ(link.end_command(), (Words{"close", "stopped"}));
}

TEST(LinkSupervision, StopDoesNotWaitForTheNextTry) {
  Link link;
  link.come_up();
  link.lose(1min);
  EXPECT_EQ(link.stop(), Words{"stopped"});
  EXPECT_FALSE(link.waits());
  EXPECT_EQ(link.after(1min), nothing);
  EXPECT_EQ(link.nudge(), nothing);
  EXPECT_EQ(link.stop(), nothing) << "it was asked for already";
}

TEST(LinkSupervision, StopOfALinkThatFailedIsAtOnce) {
  Link link;
  link.start();
  link.session_ends();
  link.end_command();
  EXPECT_EQ(link.stop(), Words{"stopped"});
  EXPECT_EQ(link.retry(), nothing);
  EXPECT_FALSE(link.waits());
}

TEST(LinkSupervision, StopWaitsForACommandWhoseLinkIsLost) {
  Link link;
  link.come_up();
  link.session_ends();
  EXPECT_EQ(link.stop(), nothing);
  EXPECT_EQ(link.after(300ms), Words{"SIGTERM"});
  link.command_ends();
  EXPECT_EQ(link.stop(), nothing) << "it was asked for already";
  EXPECT_EQ(link.group_goes(), (Words{"close", "stopped"}));
}

TEST(LinkSupervision, StopWaitsForTheRestOfTheGroup) {
  Link link;
  link.come_up();
  link.session_ends();
  link.command_ends();
  EXPECT_EQ(link.stop(), nothing);
  EXPECT_EQ(link.after(1s), (Words{"SIGKILL", "close", "stopped"}));
}

TEST(LinkSupervision, StopWaitsForASessionWhoseCommandHasEnded) {
  Link link;
  link.come_up();
  link.end_command();
  EXPECT_EQ(link.stop(), Words{"shut down: enough"});
  EXPECT_EQ(link.session_ends(), (Words{"close", "stopped", "down"}));
}

}  // namespace
}  // namespace tfunnel::test
