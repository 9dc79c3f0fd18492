#include "client/via_client.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <optional>

#include "client/capture/capture.hpp"
#include "client/links/link_group.hpp"
#include "client/links/network_watch.hpp"
#include "common/app/event_loop.hpp"
#include "common/app/process.hpp"
#include "common/app/tunnel.hpp"
#include "common/io/log_timer.hpp"

namespace tfunnel::client {

namespace {

using namespace std::chrono_literals;

// How long flows that make no progress may hold up the end.
constexpr auto finishing_patience = 1s;
constexpr auto finishing_period = 5ms;

LinkGroup::Settings group_settings(const app::CommonOptions& common, const LinkOptions& options, const Command& command,
                                   const ViaHooks& hooks) {
  constexpr std::size_t least_buffer = 1U << 20;
  LinkGroup::Settings settings{{command, app::session_settings(common, wire::ROLE_CLIENT)}};
  auto& session = settings.link.session;
  session.announces = false;
  session.buffer_size = std::max(session.buffer_size / static_cast<std::size_t>(options.links), least_buffer);
  if (hooks.finishes_flows) session.grace = core::Duration::zero();
  settings.count = options.links;
  settings.link_wait = app::seconds(options.link_wait);
  settings.terminal_owner = hooks.terminal_owner;
  settings.groups = hooks.groups;
  return settings;
}

class ViaClient {
 public:
  ViaClient(const app::CommonOptions& common, const LinkOptions& options, const Command& command, const ViaHooks& hooks)
      : hooks_(hooks),
        log_(common.level(), common.format(), hooks.name),
        log_timer_(context_, log_),
        signals_(context_, SIGTERM, SIGINT, SIGHUP),
        finishing_(context_),
        links_(context_, group_settings(common, options, command, hooks),
               {[this](CaptureMode mode) { set_mode(mode); }, [this](io::ExitStatus status) { end(status); }}, log_),
        network_(context_, [this](const char* what) { network_changed(what); }) {
    signals_.add(SIGUSR1);
    signals_.add(SIGCHLD);
    app::ignore_sigpipe();
  }
  ~ViaClient() { context_.destroy_handlers(); }
  ViaClient(const ViaClient&) = delete;
  ViaClient& operator=(const ViaClient&) = delete;

  io::ExitStatus run() {
    wait_for_signal();
    links_.start();
    capture_.emplace(
        context_, hooks_.sockets(), [this] { return links_.choose(); }, hooks_.is_local, log_);
    network_.start();
    context_.run();
    return status_;
  }

 private:
  void set_mode(CaptureMode mode) {
    capture_->set_mode(mode);
    // Who is told has a use for the terminal, and other links may still be asking.
    if (mode != CaptureMode::serve || !hooks_.on_ready || was_ready_ || links_.asks()) return;
    was_ready_ = true;
    links_.silence();
    hooks_.on_ready();
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
    const auto why = app::reason_of_signal(number);
    if (!hooks_.finishes_flows) log_.info(why + ": ending");
    // Asked a second time it does not wait any longer for what is on its way.
    if (!hooks_.finishes_flows || std::exchange(ending_, true)) return links_.stop(why);
    progress_at_ = std::chrono::steady_clock::now();
    // What waits to be accepted gets its turn first.
    asio::post(context_, [this, why] { finish_flows(why); });
  }

  void finish_flows(const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    const auto passed = links_.bytes_passed();
    if (std::exchange(passed_, passed) != passed) progress_at_ = now;
    if (links_.is_quiet() || now - progress_at_ >= finishing_patience) return links_.stop(why);
    finishing_.expires_after(finishing_period);
    finishing_.async_wait([this, why](error_code error) {
      if (!error) finish_flows(why);
    });
  }

  void network_changed(const char* what) {
    log_.debug(what);
    links_.nudge();
  }

  void end(io::ExitStatus status) {
    status_ = status;
    context_.stop();
  }

  // Before all that has timers in it: see EventLoop.
  app::EventLoop context_{1};
  ViaHooks hooks_;
  io::Log log_;
  io::LogTimer log_timer_;
  asio::signal_set signals_;
  asio::steady_timer finishing_;
  LinkGroup links_;
  NetworkWatch network_;
  std::optional<Capture> capture_;
  core::Time progress_at_{};
  std::uint64_t passed_ = 0;
  bool was_ready_ = false;
  bool ending_ = false;
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace

io::ExitStatus run_via(const app::CommonOptions& common, const LinkOptions& options, const Command& command,
                       const ViaHooks& hooks) {
  return ViaClient(common, options, command, hooks).run();
}

}  // namespace tfunnel::client
