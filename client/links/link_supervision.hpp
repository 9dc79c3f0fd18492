// When a link's command is started, ended, and started again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/links/back_off.hpp"
#include "common/core/drain.hpp"
#include "common/core/last_call.hpp"
#include "common/core/time.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/log_level.hpp"

namespace tfunnel::client {

/// Decides for SupervisedLink. Each function tells it an event and its time; the answer is a list of actions, to be
/// carried out in this order. Knows no clock and no process.
///
/// A start is over when both its session has ended and its command's process group is gone. The next one comes after a
/// while; but if the link was never up, only when retry() asks for it, or with `keeps_trying`.
class LinkSupervision {
 public:
  struct Settings {
    /// For the first start, at which somebody may have to type a password, and for any other one at most.
    core::Duration greeting_timeout;
    /// For a restart, unless a start took more than half of it: nobody types a password, and what a dead connection
    /// holds up (an ssh ControlMaster's) is better tried again.
    core::Duration restart_patience;
    /// The command uses ssh, which can be told to make a connection of its own.
    bool can_go_past_master = false;
    /// Gives 0 to 1; see core::BackOff.
    std::function<double()> chance;
    /// What a shell was told to run; empty: no shell was.
    std::string script = {};
    /// A link that was never up is tried again like a lost one, unless a person interrupted it.
    bool keeps_trying = false;
  };

  /// How the first start failed.
  struct Failure {
    io::ExitStatus status;
    std::string why;
  };

  /// How a command ended.
  struct CommandEnd {
    std::string how;  // "ended with status 3"
    bool interrupted = false;
    std::optional<int> status = {};  // unless a signal ended it
    std::string last_words = {};     // the last line that it said, as far as that was read; not trusted
  };

  // The actions.

  /// Of the command, and a session on its input and output, which tells of silence if a person may have written the
  /// wrong command. If that is impossible: start_failed(), or, if it is the
  /// first one, nothing is supervised.
  struct Start {
    bool past_master;
    core::Duration greeting_timeout;
    bool is_first;
    bool tells_silence;
  };
  /// To the command's whole process group, also when the command itself has ended.
  struct Signal {
    int number;
  };
  /// The terminal, to the command: refused() if that cannot be.
  struct LendTerminal {};
  struct TakeTerminalBack {};
  // To the session: it is to end, orderly or at once; it may be broken.
  struct Drain {
    core::LastCall::Terms terms;
  };
  struct ShutDown {
    std::string why;
  };
  struct Probe {};
  /// It shall not tell of silence any more.
  struct Hush {};
  /// The start is over: the command's last lines are passed on.
  struct Close {};
  struct Say {
    io::LogLevel level;
    std::string text;
    bool about_command = false;  // else about the link
  };
  // To tell the owner; see SupervisedLink::Events.
  struct TellUp {};
  struct TellDown {};
  struct TellFailed {
    Failure failure;
  };
  struct TellStopped {};
  struct TellCut {
    core::Drain::Facts left;
  };
  using Action = std::variant<Start, Signal, LendTerminal, TakeTerminalBack, Drain, ShutDown, Probe, Hush, Close, Say,
                              TellUp, TellDown, TellFailed, TellStopped, TellCut>;
  using Actions = std::vector<Action>;

  explicit LinkSupervision(Settings settings) : settings_(std::move(settings)) {}

  /// The first start.
  [[nodiscard]] Actions start(core::Time now);
  /// There is no room for a process, or for its pipes.
  [[nodiscard]] Actions start_failed(core::Time now, const std::string& why);
  /// The far end has greeted.
  [[nodiscard]] Actions greeted(core::Time now, const std::string& software);
  /// `left` did not get over the link.
  [[nodiscard]] Actions session_ended(core::Time now, io::ExitStatus status, const std::string& why,
                                      const core::Drain::Facts& left);
  /// A signal has stopped the command.
  [[nodiscard]] Actions command_stopped(int signal);
  [[nodiscard]] Actions lent();
  [[nodiscard]] Actions refused();
  [[nodiscard]] Actions command_ended(core::Time now, const CommandEnd& end);
  /// Nobody is left of the command's process group. Without effect while the command itself runs.
  [[nodiscard]] Actions group_gone(core::Time now);
  /// To be told when this time has come; then time_passed(). Each call of a function may change it.
  [[nodiscard]] std::optional<core::Time> due() const;
  [[nodiscard]] Actions time_passed(core::Time now);

  /// It has failed, but another link is up: it is tried again as if it had been lost.
  [[nodiscard]] Actions retry(core::Time now);
  /// It may be that the link is broken, or can be up again.
  [[nodiscard]] Actions nudge(core::Time now);
  /// The link is to end, and so is one that comes up later.
  [[nodiscard]] Actions drain(core::LastCall::Terms terms);
  /// Ends it all; `why` is for the far end.
  [[nodiscard]] Actions stop(core::Time now, const std::string& why);

 private:
  enum class Session { none, greets, up };
  enum class Command { none, runs, left_some };
  enum class Next { start, terminate, kill, look_at_rest };
  struct Wait {
    Next next;
    core::Time until;
  };

  void begin(core::Time now);
  void give(Action action) { actions_.push_back(std::move(action)); }
  Actions answer() { return std::exchange(actions_, {}); }
  [[nodiscard]] core::Duration greeting_timeout() const;
  void terminate(core::Time now);
  void look_at_rest(core::Time now);
  void finish(core::Time now);
  [[nodiscard]] Failure why_it_failed() const;
  void try_again_later(core::Time now, const std::string& why);

  Settings settings_;
  core::BackOff back_off_;
  Actions actions_;  // of this answer
  Session session_ = Session::none;
  Command command_ = Command::none;
  std::optional<Wait> wait_;
  bool started_ = false;  // ever
  bool failed_ = false;   // ever
  bool was_up_ = false;   // ever
  bool stopping_ = false;
  std::optional<core::LastCall::Terms> draining_;
  bool lent_ = false;         // the terminal: the start waited for a person
  bool hung_ = false;         // the last restart was given up because nobody greeted
  bool past_master_ = false;  // the next start, or this one
  core::Time started_at_{};
  core::Duration greeted_in_{};  // of the last start that was greeted
  core::Time up_since_{};
  core::Time down_since_{};
  std::optional<core::Duration> lived_;  // how long the lost link had been up
  core::Time rest_may_last_until_{};
  // Of this start.
  bool greeted_ = false;
  Failure session_end_{};
  CommandEnd command_end_;
  bool ended_by_us_ = false;  // the command
};

}  // namespace tfunnel::client
