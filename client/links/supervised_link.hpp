// One link whose command we start ourselves, and start again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/links/link_supervision.hpp"
#include "client/process/child_group.hpp"
#include "client/process/child_process.hpp"
#include "client/process/terminal_loan.hpp"
#include "client/status/facts.hpp"
#include "common/io/session.hpp"

namespace tfunnel::client {

class PassedLines;

/// Does what LinkSupervision decides: it owns the command's processes and the session. Its flows end with the link; who
/// opens new ones asks session() anew.
class SupervisedLink {
 public:
  struct Settings {
    Command command;
    io::Session::Settings session;
    /// See LinkSupervision::Settings.
    core::Duration restart_patience = std::chrono::seconds(15);
    bool keeps_trying = false;
  };

  using Failure = LinkSupervision::Failure;

  struct Events {
    /// group() has changed.
    std::function<void()> on_process;
    std::function<void()> on_up;
    std::function<void()> on_down;
    /// It has never been up, and does not keep trying. It rests until retry().
    std::function<void(const Failure&)> on_failed;
    /// After stop(), and not from within: the command has ended.
    std::function<void()> on_stopped;
    /// See io::Session::on_progress.
    std::function<void()> on_progress;
    /// The link was lost when it was to end anyway, and with it this much.
    std::function<void(const core::Drain::Facts&)> on_cut;
    /// The session's reach() has changed.
    std::function<void()> on_reach;
  };

  /// `log` (of our own lines), `errors` (of the command's) and `loan` must outlive it.
  SupervisedLink(asio::io_context& context, Settings settings, Events events, const io::Log& log, const io::Log& errors,
                 TerminalLoan& loan);

  /// Throws boost::system::system_error if there is no room for a process.
  void start();
  /// It failed at first, but another link is up: this one is tried again as if it had been lost.
  void retry();
  /// It is to end; see io::Session. A link that comes up later is treated alike.
  void drain(core::LastCall::Terms terms);
  [[nodiscard]] core::Drain::Facts prospects() const { return is_up_ ? session_->prospects() : core::Drain::Facts(); }
  /// Says goodbye, and ends the command.
  void stop(const std::string& why);
  /// It has failed or stopped for good: nothing is left that waits for anything.
  void close();
  /// SIGCHLD came.
  void check_child();
  /// The network changed, or the machine slept: a link that is up is probed, one that is down tried at once.
  void nudge();

  /// The session that new flows may use, or null.
  [[nodiscard]] std::shared_ptr<io::Session> session() const {
    return is_up_ && !session_->asked_to_drain() ? session_ : nullptr;
  }
  /// How it is, with so many flows at most.
  [[nodiscard]] LinkFacts facts(std::size_t most_flows) const;
  /// The command's process group; 0: it does not run.
  [[nodiscard]] pid_t group() const { return group_.led(); }

 private:
  void act(const LinkSupervision::Actions& actions);
  void carry_out(const LinkSupervision::Start& start);
  void carry_out(const LinkSupervision::Signal& signal) { group_.signal(signal.number); }
  void carry_out(const LinkSupervision::LendTerminal&);
  void carry_out(const LinkSupervision::TakeTerminalBack&) { loan_.take_back(group_.number()); }
  void carry_out(const LinkSupervision::Drain& drain) { session_->drain(drain.terms); }
  void carry_out(const LinkSupervision::ShutDown& end) { session_->shut_down(end.why); }
  void carry_out(const LinkSupervision::Probe&) { session_->probe(); }
  void carry_out(const LinkSupervision::Hush&) {
    if (session_) session_->hush();
  }
  void carry_out(const LinkSupervision::Close&);
  void carry_out(const LinkSupervision::Say& say);
  void carry_out(const LinkSupervision::TellUp&) { events_.on_up(); }
  void carry_out(const LinkSupervision::TellDown&) { events_.on_down(); }
  void carry_out(const LinkSupervision::TellFailed& failed) { events_.on_failed(failed.failure); }
  void carry_out(const LinkSupervision::TellStopped&);
  void carry_out(const LinkSupervision::TellCut& cut) { events_.on_cut(cut.left); }
  void begin(const LinkSupervision::Start& start);
  void open_session(ChildProcess& process, const LinkSupervision::Start& start);
  [[nodiscard]] std::string last_words();
  void note_state(bool is_up);
  void on_session_end(io::ExitStatus status, const std::string& why);
  void wait();
  void look_at_group();

  asio::io_context& context_;
  Settings settings_;
  Events events_;
  const io::Log& log_;
  const io::Log& errors_;
  TerminalLoan& loan_;
  LinkSupervision supervision_;
  asio::steady_timer timer_;  // until supervision_.due()
  ChildGroup group_;
  std::shared_ptr<io::Session> session_;
  LinkFacts facts_;      // but for what the session tells
  bool is_up_ = false;   // the session
  bool closed_ = false;  // a timer that is due by then must not begin anew
  // Of the commands' standard errors: a process that one has left behind, as ssh does, may hold its pipe for long.
  std::vector<std::weak_ptr<PassedLines>> lines_;
  std::shared_ptr<PassedLines> last_lines_;  // of this start's command; null: it has our own standard error
};

}  // namespace tfunnel::client
