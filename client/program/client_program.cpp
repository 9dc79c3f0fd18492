#include "client/program/client_program.hpp"

#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <csignal>
#include <memory>

#include "client/capture/capture.hpp"
#include "client/capture/summary.hpp"
#include "client/links/network_watch.hpp"
#include "client/program/service_notice.hpp"
#include "client/status/snapshot.hpp"
#include "client/status/status_server.hpp"
#include "common/app/ending.hpp"
#include "common/app/event_loop.hpp"
#include "common/app/process.hpp"
#include "common/app/session_settings.hpp"
#include "common/io/deliveries.hpp"
#include "common/io/log_timer.hpp"

namespace tfunnel::client {

namespace {

// As many as a person may want to see; an answer must not hold the tunnel up.
constexpr std::size_t most_flows_told = 500;

const char* in_words(CaptureMode mode) {
  switch (mode) {
    case CaptureMode::wait: return "wait for a link";
    case CaptureMode::serve: return "go through the tunnel";
    case CaptureMode::refuse: return "are refused, because there is no link";
  }
  return "";
}

// Of the applications' signals only those meant for us come here: nothing is asked for twice by accident.
app::Ending::Terms ending_terms(const app::CommonOptions& common, const ClientHooks& hooks) {
  app::Ending::Terms terms{app::drain_limits(common), "Ctrl-C"};
  if (hooks.applications_are_gone) terms.limits.same_request = core::Duration::zero();
  return terms;
}

class ClientProgram {
 public:
  ClientProgram(const app::CommonOptions& common, const MakeLinks& make_links, const ClientHooks& hooks)
      : summary_(hooks.summary),
        json_(common.log_format == io::LogFormat::json),
        hooks_(hooks),
        log_(common.level(), common.log_format, hooks.name),
        signals_(context_, SIGTERM, SIGINT, SIGHUP),
        links_(make_links(context_, link_events(), log_)),
        log_timer_(context_, log_),
        network_(context_, [this](const char* what, bool concerns_link) { network_changed(what, concerns_link); }),
        status_server_(
            context_, [this] { return status_text(); }, log_),
        notice_(context_, [this] { return in_brief(); }),
        ending_(context_, ending_terms(common, hooks),
                {[this](core::Time) { return prospects(); }, [this](io::ExitStatus status) { on_delivered(status); }},
                log_) {
    signals_.add(SIGUSR1);
    signals_.add(SIGCHLD);
    if (hooks_.rules) signals_.add(SIGUSR2);
    app::ignore_sigpipe();
  }
  ~ClientProgram() { app::hear_no_more_signals(); }
  ClientProgram(const ClientProgram&) = delete;
  ClientProgram& operator=(const ClientProgram&) = delete;

  io::ExitStatus run() {
    try {
      serve();
    } catch (...) {
      // What is still pending will not run any more, but refers to all this.
      context_.destroy_handlers();
      throw;
    }
    if (hooks_.summary) log_.print(summary_.text(json_));
    return status_;
  }

 private:
  void serve() {
    wait_for_signal();
    if (!hooks_.tells_no_manager) notice_.start();
    if (hooks_.sockets_come_late) links_->start();
    auto sockets = hooks_.sockets();
    if (hooks_.apply_reach) apply_reach_ = hooks_.apply_reach(std::move(sockets.routes), log_);
    capture_.emplace(
        context_, std::move(sockets), [this] { return links_->choose(); }, hooks_.is_local, log_, &summary_);
    if (hooks_.rules) rules_ = hooks_.rules(context_, log_);
    if (!hooks_.sockets_come_late) links_->start();
    network_.start();
    status_server_.start(hooks_.command);
    context_.run();
  }

  Links::Events link_events() {
    Links::Events events;
    events.on_mode = [this](CaptureMode mode) { set_mode(mode); };
    events.on_end = [this](io::ExitStatus status) { on_links_end(status); };
    events.on_progress = [this] { ending_.look_soon(); };
    events.on_cut = [this](const core::Drain::Facts& left) {
      app::Ending::say_cut(log_, left);
      note(io::ExitStatus::cut);
    };
    events.on_reach = [this](const core::Reach& reach) {
      if (apply_reach_) apply_reach_(reach);
      if (rules_) rules_->on_reach(reach);
    };
    events.on_flow_over = [this](const auto& flow, auto reason) { summary_.flow_over(flow, reason); };
    return events;
  }

  void set_mode(CaptureMode mode) {
    mode_ = mode;
    capture_->set_mode(mode);
    if (rules_) rules_->on_mode(mode);
    mode == CaptureMode::serve ? notice_.ready() : notice_.changed();
    // From then on the terminal is used, and other links may still be asking.
    if (mode != CaptureMode::serve || !hooks_.on_ready || was_ready_ || links_->asks()) return;
    was_ready_ = true;
    links_->silence();
    const auto session = links_->choose();
    hooks_.on_ready(session ? session->peer_resolver() : std::nullopt);
  }

  void wait_for_signal() {
    signals_.async_wait([this](error_code error, int number) {
      // One that came with the end may be told after the waiting was cancelled.
      if (error || finished_) return;
      wait_for_signal();
      on_signal(number);
    });
  }

  void on_signal(int number) {
    if (number == SIGCHLD) return links_->check_children();
    if (number == SIGUSR1) return links_->print_table(log_);
    // Another one takes over.
    if (number == SIGUSR2 && rules_) rules_->stay_closed();
    if (!ending_.started()) begin_to_end(app::reason_of_signal(number));
    if (!hooks_.applications_are_gone || number != SIGTERM) ending_.start();
  }

  void begin_to_end(const std::string& why) {
    why_ = why;
    notice_.stopping();
    if (!hooks_.applications_are_gone) {
      log_.info(why + ": ending");
      capture_->last_call();
    }
    links_->drain(hooks_.applications_are_gone ? core::LastCall::Terms::all : core::LastCall::Terms::what_was_sent);
    ending_.start();
  }

  core::Drain::Facts prospects() {
    auto facts = links_->prospects();
    // Without a link for it, it waits for one.
    if (hooks_.applications_are_gone && capture_->something_waits()) ++facts.left.connections;
    return facts;
  }

  // Sockets may still be taking what came before.
  void on_links_end(io::ExitStatus status) {
    linked_ = false;
    note(status);
    if (is_over_) return finish();
    if (ending_.started()) return ending_.look_soon();
    mode_ = CaptureMode::wait;
    notice_.stopping();
    capture_->set_mode(CaptureMode::wait);
    capture_->last_call();
    ending_.start();
  }

  [[nodiscard]] const char* new_connections() const {
    return ending_.started() ? "are not taken any more: it ends" : in_words(mode_);
  }

  // A person may see it who asks the service manager.
  std::string in_brief() {
    const auto links = links_->facts(0);
    const auto up = std::ranges::count_if(links, &LinkFacts::up);
    const auto text =
        std::to_string(up) + " of " + std::to_string(links.size()) + " links up; new connections " + new_connections();
    return up > 0 || links.front().trouble.empty() ? text : text + "; " + links.front().trouble;
  }

  std::string status_text() {
    Snapshot snapshot;
    snapshot.command = hooks_.command;
    snapshot.process = hooks_.process != 0 ? hooks_.process : ::getpid();
    snapshot.program = hooks_.program;
    snapshot.begun = begun_;
    snapshot.new_connections = new_connections();
    snapshot.links = links_->facts(most_flows_told);
    if (rules_) snapshot.rules = rules_->facts();
    snapshot.dropped = summary_.dropped();
    const Moment now{std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
    return boost::json::serialize(status_object(snapshot, now)) + "\n";
  }

  void on_delivered(io::ExitStatus status) {
    is_over_ = true;
    note(status);
    linked_ ? links_->stop(why_) : finish();
  }

  void network_changed(const char* what, bool concerns_link) {
    log_.debug(what);
    // Rules may have been made anew.
    links_->tell_reach();
    if (concerns_link) links_->nudge();
  }

  void note(io::ExitStatus status) {
    if (status_ == io::ExitStatus::ok) status_ = status;
  }

  // From here on nothing is waited for: whoever has something pending cancels it. What is cancelled still runs, while
  // all that it refers to is there; then the event loop is empty.
  void finish() {
    finished_ = true;
    io::Deliveries::of(context_).let_go();
    capture_->close();
    if (rules_) rules_->clean_end(!why_.empty());
    status_server_.close();
    notice_.close();
    network_.stop();
    log_timer_.stop();
    signals_.cancel();
  }

  Summary summary_;  // flows tell it until the last handler is gone
  bool json_;
  app::EventLoop context_{1};  // before all that has timers in it
  ClientHooks hooks_;
  io::Log log_;
  // Before the links: a signal that kills must not leave a terminal raw.
  asio::signal_set signals_;
  std::unique_ptr<Links> links_;
  io::LogTimer log_timer_;
  NetworkWatch network_;
  StatusServer status_server_;
  ServiceNotice notice_;
  std::optional<Capture> capture_;
  std::unique_ptr<CaptureRules> rules_;
  std::function<void(const core::Reach&)> apply_reach_;
  app::Ending ending_;
  core::Time begun_ = std::chrono::steady_clock::now();
  CaptureMode mode_ = CaptureMode::wait;
  std::string why_;  // the signal
  bool was_ready_ = false;
  bool linked_ = true;     // there is a link, or one may come
  bool is_over_ = false;   // nothing is left to wait for but the goodbyes
  bool finished_ = false;  // nor for these
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace

io::ExitStatus run_client(const app::CommonOptions& common, const MakeLinks& make_links, const ClientHooks& hooks) {
  return ClientProgram(common, make_links, hooks).run();
}

}  // namespace tfunnel::client
