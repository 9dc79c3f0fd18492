// One link whose command we start ourselves, and start again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/links/child_process.hpp"
#include "client/links/terminal_loan.hpp"
#include "common/core/back_off.hpp"
#include "common/io/session.hpp"

namespace tfunnel::client {

class PassedLines;

/// The command runs, or is waited for to end, or its next start is waited for. Its flows end with the link; who opens
/// new ones asks session() anew.
class SupervisedLink {
 public:
  struct Settings {
    Command command;
    io::Session::Settings session;
    /// How long a restart may take until the far end greets, if no start took half as long: nobody types a password,
    /// and what a dead connection holds up (an ssh ControlMaster's) is better tried again.
    core::Duration restart_patience = std::chrono::seconds(15);
  };

  /// How the first start failed.
  struct Failure {
    io::ExitStatus status;
    std::string why;
  };

  struct Events {
    /// group() has changed.
    std::function<void()> on_process;
    std::function<void()> on_up;
    std::function<void()> on_down;
    /// It has never been up. It rests until retry().
    std::function<void(const Failure&)> on_failed;
    /// After stop(): the command has ended.
    std::function<void()> on_stopped;
    /// See io::Session::on_progress.
    std::function<void()> on_progress;
    /// The link was lost when it was to end anyway, and with it this much.
    std::function<void(const core::Drain::Facts&)> on_cut;
    /// The session's reach() has changed.
    std::function<void()> on_reach;
  };

  /// `log` (of our own lines), `errors` (of the command's) and `loan` must outlive it, and it the io_context's last
  /// handler.
  SupervisedLink(asio::io_context& context, Settings settings, Events events, const io::Log& log, const io::Log& errors,
                 TerminalLoan& loan);

  /// Throws boost::system::system_error if there is no room for a process.
  void start();
  /// It failed at first, but another link is up: this one is tried again as if it had been lost.
  void retry();
  /// It is to end; see io::Session. A link that comes up later is treated alike.
  void drain(core::LastCall::Terms terms);
  [[nodiscard]] core::Drain::Facts prospects() const { return up_ ? session_->prospects() : core::Drain::Facts(); }
  /// Says goodbye, and ends the command.
  void stop(const std::string& why);
  /// SIGCHLD came.
  void check_child();
  /// The network changed, or the machine slept: a link that is up is probed, one that is down tried at once.
  void nudge();

  /// The session that new flows may use, or null.
  [[nodiscard]] std::shared_ptr<io::Session> session() const {
    return up_ && !session_->asked_to_drain() ? session_ : nullptr;
  }
  /// The command's process group; 0: it does not run.
  [[nodiscard]] pid_t group() const { return child_.pid > 0 ? child_.pid : 0; }

 private:
  void open_session();
  [[nodiscard]] core::Duration greeting_timeout() const;
  void on_ready();
  void on_session_end(io::ExitStatus status, const std::string& why);
  void child_stopped(int signal);
  void child_ended(int status);
  void end_child(core::Duration patience, int signal);
  void end_rest(pid_t group, core::Time until);
  void finish();
  void try_again_later(const std::string& why);
  void try_again();

  asio::io_context& context_;
  Settings settings_;
  Events events_;
  const io::Log& log_;
  const io::Log& errors_;
  TerminalLoan& loan_;
  asio::steady_timer timer_;  // the next start, or the next signal for a command that does not end
  core::BackOff back_off_;
  ChildProcess child_;
  std::shared_ptr<io::Session> session_;
  std::weak_ptr<PassedLines> lines_;  // of the command's standard error
  bool up_ = false;
  bool was_up_ = false;  // ever
  bool stopping_ = false;
  std::optional<core::LastCall::Terms> draining_;
  bool resting_ = false;  // the next start is waited for
  bool lent_ = false;     // the terminal: the start waited for a person
  bool hung_ = false;     // the last restart was given up because nobody greeted
  bool apart_ = false;    // ssh shall not use a ControlMaster's connection
  core::Time started_at_{};
  core::Duration greeted_in_{};  // of the last start that was greeted
  core::Time up_since_{};
  core::Time down_since_{};
  std::optional<core::Duration> lived_;  // how long the lost link had been up
  std::optional<Failure> ended_;         // how the session ended
  std::optional<int> child_status_;      // how the command ended
  bool rest_ended_ = false;              // the rest of its process group, too
  bool ended_by_us_ = false;
};

}  // namespace tfunnel::client
