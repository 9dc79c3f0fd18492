// The links whose commands a client starts itself.
#pragma once

#include <atomic>
#include <deque>
#include <span>

#include "client/links/link_options.hpp"
#include "client/links/links.hpp"
#include "client/links/supervised_link.hpp"

namespace tfunnel::client {

/// Spreads flows over its links, and says what new connections should do while none is up.
class LinkGroup final : public Links {
 public:
  struct Settings {
    SupervisedLink::Settings link;
    int count = 1;
    core::Duration link_wait = std::chrono::seconds(30);
    Refusal refusal = Refusal::always;
    pid_t terminal_owner = 0;                   // whose process group may lend the terminal
    std::span<std::atomic<pid_t>> groups = {};  // kept up to date with the commands' process groups, as many as fit
  };

  /// `log` must outlive it.
  LinkGroup(asio::io_context& context, const Settings& settings, Events events, const io::Log& log);

  void start() override;
  std::shared_ptr<io::Session> choose() override;
  void drain(core::LastCall::Terms terms) override;
  core::Drain::Facts prospects() override;
  void stop(const std::string& why) override;
  void print_table(const io::Log& log) const override;
  [[nodiscard]] std::vector<LinkFacts> facts(std::size_t most_flows) const override;
  void tell_reach() override;
  void nudge() override;
  void check_children() override;
  [[nodiscard]] bool asks() const override { return loan_.in_use(); }
  void silence() override { loan_.close(); }

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
  void begin_patience();
  void tell_of_refusal() const;
  void on_failed(Member& member, const SupervisedLink::Failure& failure);
  void on_stopped(Member& member);
  void end(io::ExitStatus status);
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
  bool ending_ = false;  // nobody waits for a link any more
};

}  // namespace tfunnel::client
