#include "common/app/tunnel.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/app/process.hpp"
#include "common/io/deliveries.hpp"

namespace tfunnel::app {

namespace {

// Descriptors that are not flows: standard streams, the event loop, listeners.
constexpr std::size_t reserved_descriptors = 64;
constexpr std::size_t most_flows = 262'144;

std::unique_ptr<RawTerminal> prepare_terminal(bool tty) {
  refuse_terminal(tty);
  return tty ? std::make_unique<RawTerminal>() : nullptr;
}

std::unique_ptr<io::Channel> open_channel(asio::io_context& context) {
  try {
    return std::make_unique<io::Channel>(context, STDIN_FILENO, STDOUT_FILENO);
  } catch (const boost::system::system_error&) {
    throw UsageError(
        "standard input or output is closed, a file or /dev/null; the link must be a pipe, a socket or, with --tty, a "
        "terminal");
  }
}

// A far end has no terminal, as a rule.
Ending::Terms ending_terms(const CommonOptions& options, wire::Role role) {
  return {options.drain_limits(), role == wire::ROLE_CLIENT ? "Ctrl-C" : "SIGTERM"};
}

}  // namespace

// A flow is a descriptor, more or less: what cannot have one is better refused than accepted.
io::Session::Settings session_settings(const CommonOptions& options, wire::Role role) {
  io::Session::Settings settings;
  settings.role = role;
  settings.data_path = options.data_path_mode();
  settings.buffer_size = static_cast<std::size_t>(options.buffer_size);
  settings.udp_timeouts = options.udp_timeouts();
  settings.keepalive = options.keepalive_limits();
  settings.greeting_timeout = seconds(options.greeting_timeout);
  settings.max_flows = std::clamp<std::size_t>(raise_descriptor_limit(), reserved_descriptors * 2, most_flows);
  return settings;
}

Tunnel::Tunnel(const CommonOptions& options, Role role, const io::Log& log)
    : options_(options),
      role_(role),
      log_(log),
      signals_(context_, SIGTERM, SIGINT, SIGHUP),
      terminal_(prepare_terminal(options.tty)),
      log_timer_(context_, log),
      channel_(open_channel(context_)),
      ending_(context_, ending_terms(options, role.role),
              {[this](core::Time) { return session_->prospects(); }, [this](auto status) { on_delivered(status); }},
              log) {
  signals_.add(SIGUSR1);
  ignore_sigpipe();
}

Tunnel::~Tunnel() {
  hear_no_more_signals();
  context_.destroy_handlers();
}

io::Session& Tunnel::connect(core::FlowAcceptor* acceptor, std::optional<core::ResolverHints> resolver) {
  auto settings = session_settings(options_, role_.role);
  if (terminal_) settings.link_rate = terminal_->rate();
  settings.repeats_greeting = options_.tty;
  settings.resolver = std::move(resolver);
  session_ = std::make_unique<io::Session>(context_, *channel_, settings, acceptor, log_);
  session_->on_end = [this](io::ExitStatus status, const std::string& why) { on_link_end(status, why); };
  session_->on_progress = [this] { ending_.look_soon(); };
  return *session_;
}

io::ExitStatus Tunnel::run() {
  wait_for_signal();
  session_->start();
  context_.run();
  return status_;
}

void Tunnel::wait_for_signal() {
  signals_.async_wait([this](error_code error, int number) {
    if (error) return;
    on_signal(number);
    wait_for_signal();
  });
}

void Tunnel::on_signal(int number) {
  if (number == SIGUSR1) return log_.print(session_->table());
  if (number == SIGHUP && role_.ignores_hangup) return;
  if (!ending_.started()) {
    why_ = reason_of_signal(number);
    log_.info(why_ + ": ending");
    if (on_ending_) on_ending_(true);
    session_->drain(core::LastCall::Terms::what_was_sent);
  }
  ending_.start();
}

// Sockets may still be taking what came before.
void Tunnel::on_link_end(io::ExitStatus status, const std::string& why) {
  linked_ = false;
  if (!why.empty()) log_.write(status == io::ExitStatus::ok ? io::LogLevel::info : io::LogLevel::error, why);
  if (!session_->left_behind().over()) {
    Ending::say_cut(log_, session_->left_behind());
    if (status == io::ExitStatus::ok) status = io::ExitStatus::cut;
  }
  if (status_ == io::ExitStatus::ok) status_ = status;
  if (is_over_) return finish();
  if (ending_.started()) return ending_.look_soon();
  if (on_ending_) on_ending_(false);
  ending_.start();
}

void Tunnel::on_delivered(io::ExitStatus status) {
  is_over_ = true;
  if (status_ == io::ExitStatus::ok) status_ = status;
  linked_ ? session_->shut_down(why_) : finish();
}

void Tunnel::finish() {
  io::Deliveries::of(context_).let_go();
  context_.stop();
}

}  // namespace tfunnel::app
