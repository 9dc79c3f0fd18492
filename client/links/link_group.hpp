// All supervised links of a client.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <span>

#include "client/capture/link_choice.hpp"
#include "client/links/supervised_link.hpp"

namespace tfunnel::client {

/// Spreads flows over its links, and says what new connections should do while none is up.
class LinkGroup {
 public:
  struct Settings {
    SupervisedLink::Settings link;
    int count = 1;
    core::Duration link_wait = std::chrono::seconds(30);
    pid_t terminal_owner = 0;                   // whose process group may lend the terminal
    std::span<std::atomic<pid_t>> groups = {};  // kept up to date with the commands' process groups, as many as fit
  };

  struct Events {
    /// Possibly the same one again, when another link came up or failed.
    std::function<void(CaptureMode)> on_mode;
    /// Once: no link could be started at first, or after stop() all are ended.
    std::function<void(io::ExitStatus)> on_end;
    /// prospects() may have changed for the better.
    std::function<void()> on_progress = [] {};
    /// A link was lost that was to end anyway, and with it this much.
    std::function<void(const core::Drain::Facts&)> on_cut = [](const auto&) {};
    /// What can be reached over one link or the other, whenever one has come up (before on_mode) or told something new.
    std::function<void(const core::Reach&)> on_reach = [](const auto&) {};
  };

  /// `log` must outlive it, and it the io_context's last handler.
  LinkGroup(asio::io_context& context, const Settings& settings, Events events, const io::Log& log);

  void start();
  /// The links are to end; see io::Session.
  void drain(core::LastCall::Terms terms);
  [[nodiscard]] core::Drain::Facts prospects() const;
  void stop(const std::string& why);
  /// SIGCHLD came.
  void check_children();
  /// The network changed, or the machine slept.
  void nudge();

  /// Calls Events::on_reach, if a link is up.
  void tell_reach();

  /// See ChooseLink.
  [[nodiscard]] std::shared_ptr<io::Session> choose();
  [[nodiscard]] std::string table() const;
  /// A command asks something on the terminal.
  [[nodiscard]] bool asks() const { return loan_.in_use(); }
  /// The terminal is needed: no command may ask any more.
  void silence() { loan_.close(); }

 private:
  struct Member {
    io::Log errors;  // what its command says
    std::unique_ptr<SupervisedLink> link;
    bool failed = false;   // at its first start
    bool stopped = false;  // after stop()
  };

  SupervisedLink::Events events_of(std::size_t number);
  void on_up();
  void on_down();
  void on_failed(Member& member, const SupervisedLink::Failure& failure);
  void on_stopped(Member& member);
  void note_groups();
  [[nodiscard]] bool any_up() const;

  const io::Log& log_;
  Settings settings_;
  Events events_;
  TerminalLoan loan_;
  asio::steady_timer patience_;  // until new connections are refused
  std::deque<Member> members_;   // never move: links refer to their logs
  std::size_t last_chosen_ = 0;
  bool was_up_ = false;
};

}  // namespace tfunnel::client
