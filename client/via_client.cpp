#include "client/via_client.hpp"

#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <optional>

#include "client/capture/capture.hpp"
#include "client/links/link_group.hpp"
#include "client/links/network_watch.hpp"
#include "client/summary.hpp"
#include "common/app/ending.hpp"
#include "common/app/event_loop.hpp"
#include "common/app/process.hpp"
#include "common/app/tunnel.hpp"
#include "common/io/deliveries.hpp"
#include "common/io/log_timer.hpp"

namespace tfunnel::client {

namespace {

LinkGroup::Settings group_settings(const app::CommonOptions& common, const LinkOptions& options, const Command& command,
                                   const ViaHooks& hooks, Summary* summary) {
  constexpr std::size_t least_buffer = 1U << 20;
  LinkGroup::Settings settings{{command, app::session_settings(common, wire::ROLE_CLIENT)}};
  auto& session = settings.link.session;
  session.announces = false;
  if (summary != nullptr) {
    session.on_flow_over = [summary](const auto& flow, auto reason) { summary->flow_over(flow, reason); };
  }
  session.far_end_warns_here = !command.has_own_stderr;
  session.buffer_size = std::max(session.buffer_size / static_cast<std::size_t>(options.links), least_buffer);
  settings.count = options.links;
  settings.link_wait = app::seconds(options.link_wait);
  settings.terminal_owner = hooks.terminal_owner;
  settings.groups = hooks.groups;
  return settings;
}

// Of the applications' signals only what is meant for us comes here: nothing is asked for twice by accident.
app::Ending::Terms ending_terms(const app::CommonOptions& common, const ViaHooks& hooks) {
  app::Ending::Terms terms{common.drain_limits(), "Ctrl-C"};
  if (hooks.applications_are_gone) terms.limits.same_request = core::Duration::zero();
  return terms;
}

class ViaClient {
 public:
  ViaClient(const app::CommonOptions& common, const LinkOptions& options, const Command& command, const ViaHooks& hooks)
      : summary_(hooks.summary ? std::make_unique<Summary>() : nullptr),
        json_(common.format() == io::LogFormat::json),
        hooks_(hooks),
        log_(common.level(), common.format(), hooks.name),
        log_timer_(context_, log_),
        signals_(context_, SIGTERM, SIGINT, SIGHUP),
        links_(context_, group_settings(common, options, command, hooks, summary_.get()),
               {[this](CaptureMode mode) { set_mode(mode); }, [this](io::ExitStatus status) { end(status); },
                [this] { ending_.look_soon(); }, [this](const core::Drain::Facts& left) { on_cut(left); },
                [this](const core::Reach& reach) { on_reach(reach); }},
               log_),
        network_(context_, [this](const char* what) { network_changed(what); }),
        ending_(context_, ending_terms(common, hooks),
                {[this](core::Time) { return prospects(); }, [this](io::ExitStatus status) { on_delivered(status); }},
                log_) {
    signals_.add(SIGUSR1);
    signals_.add(SIGCHLD);
    app::ignore_sigpipe();
  }
  ~ViaClient() {
    app::hear_no_more_signals();
    context_.destroy_handlers();
  }
  ViaClient(const ViaClient&) = delete;
  ViaClient& operator=(const ViaClient&) = delete;

  io::ExitStatus run() {
    wait_for_signal();
    links_.start();
    auto sockets = hooks_.sockets();
    if (hooks_.apply_reach) apply_reach_ = hooks_.apply_reach(std::move(sockets.routes), log_);
    capture_.emplace(
        context_, std::move(sockets), [this] { return links_.choose(); }, hooks_.is_local, log_, summary_.get());
    network_.start();
    context_.run();
    if (summary_) log_.print(summary_->text(json_));
    return status_;
  }

 private:
  void set_mode(CaptureMode mode) {
    capture_->set_mode(mode);
    // Who is told has a use for the terminal, and other links may still be asking.
    if (mode != CaptureMode::serve || !hooks_.on_ready || was_ready_ || links_.asks()) return;
    was_ready_ = true;
    links_.silence();
    const auto session = links_.choose();
    hooks_.on_ready(session ? session->peer_resolver() : std::nullopt);
  }

  void on_reach(const core::Reach& reach) {
    if (apply_reach_) apply_reach_(reach);
  }

  void wait_for_signal() {
    signals_.async_wait([this](error_code error, int number) {
      if (error) return;
      on_signal(number);
      wait_for_signal();
    });
  }

  void on_signal(int number) {
    if (number == SIGCHLD) return links_.check_children();
    if (number == SIGUSR1) return log_.print(links_.table());
    if (!ending_.started()) begin_to_end(app::reason_of_signal(number));
    if (!ending_.started() || !hooks_.applications_are_gone || number != SIGTERM) ending_.start();
  }

  void begin_to_end(const std::string& why) {
    why_ = why;
    if (!hooks_.applications_are_gone) {
      log_.info(why + ": ending");
      capture_->last_call();
    }
    links_.drain(hooks_.applications_are_gone ? core::LastCall::Terms::all : core::LastCall::Terms::what_was_sent);
    ending_.start();
  }

  core::Drain::Facts prospects() {
    auto facts = links_.prospects();
    // Without a link for it, it waits for one.
    if (hooks_.applications_are_gone && capture_->something_waits()) ++facts.left.connections;
    return facts;
  }

  void on_cut(const core::Drain::Facts& left) {
    app::Ending::say_cut(log_, left);
    status_ = io::ExitStatus::cut;
  }

  void on_delivered(io::ExitStatus status) {
    if (status != io::ExitStatus::ok) status_ = status;
    links_.stop(why_);
  }

  void network_changed(const char* what) {
    log_.debug(what);
    // Rules may have been made anew.
    links_.tell_reach();
    links_.nudge();
  }

  void end(io::ExitStatus status) {
    if (status != io::ExitStatus::ok) status_ = status;
    io::Deliveries::of(context_).let_go();
    context_.stop();
  }

  const std::unique_ptr<Summary> summary_;  // flows tell it until the last handler is gone
  const bool json_;
  // Before all that has timers in it: see EventLoop.
  app::EventLoop context_{1};
  ViaHooks hooks_;
  io::Log log_;
  io::LogTimer log_timer_;
  asio::signal_set signals_;
  LinkGroup links_;
  NetworkWatch network_;
  std::optional<Capture> capture_;
  std::function<void(const core::Reach&)> apply_reach_;
  app::Ending ending_;
  std::string why_;
  bool was_ready_ = false;
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace

io::ExitStatus run_via(const app::CommonOptions& common, const LinkOptions& options, const Command& command,
                       const ViaHooks& hooks) {
  return ViaClient(common, options, command, hooks).run();
}

}  // namespace tfunnel::client
