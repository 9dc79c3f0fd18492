#include "proxy/proxy_program.hpp"

#include <csignal>

#include "common/app/process.hpp"
#include "common/app/session_settings.hpp"
#include "common/io/deliveries.hpp"

namespace tfunnel::proxy {

// It has no terminal, as a rule: hence no word of Ctrl-C.
ProxyProgram::ProxyProgram(const app::CommonOptions& options, const io::Log& log)
    : log_(log),
      signals_(context_, SIGTERM, SIGINT, SIGHUP),
      channel_(context_, options),
      log_timer_(context_, log),
      ending_(context_, {app::drain_limits(options), "SIGTERM"},
              {[this](core::Time) { return session_->prospects(); }, [this](auto status) { on_delivered(status); }},
              log) {
  signals_.add(SIGUSR1);
  app::ignore_sigpipe();
}

ProxyProgram::~ProxyProgram() { app::hear_no_more_signals(); }

io::Session& ProxyProgram::connect(core::FlowAcceptor& acceptor, std::optional<core::ResolverHints> resolver) {
  auto settings = channel_.session_settings(wire::ROLE_PROXY);
  settings.resolver = std::move(resolver);
  session_ = std::make_unique<io::Session>(context_, channel_.channel(), settings, &acceptor, log_);
  session_->on_end = [this](io::ExitStatus status, const std::string& why) { on_link_end(status, why); };
  session_->on_progress = [this] { ending_.look_soon(); };
  return *session_;
}

io::ExitStatus ProxyProgram::run() {
  wait_for_signal();
  session_->start();
  try {
    context_.run();
  } catch (...) {
    // The process ends now. What is still pending will not run any more, but refers to the session.
    static_cast<void>(session_.release());
    throw;
  }
  return status_;
}

void ProxyProgram::wait_for_signal() {
  signals_.async_wait([this](error_code error, int number) {
    // One that came with the end may be told after the waiting was cancelled.
    if (error || finished_) return;
    wait_for_signal();
    on_signal(number);
  });
}

void ProxyProgram::on_signal(int number) {
  if (number == SIGUSR1) return session_->print_table(log_);
  if (number == SIGHUP) return;
  if (!ending_.started()) {
    why_ = app::reason_of_signal(number);
    log_.info(why_ + ": ending");
    session_->drain(core::LastCall::Terms::what_was_sent);
  }
  ending_.start();
}

// Sockets may still be taking what came before.
void ProxyProgram::on_link_end(io::ExitStatus status, const std::string& why) {
  linked_ = false;
  status = app::Ending::say_link_end(log_, *session_, status, why);
  if (status_ == io::ExitStatus::ok) status_ = status;
  if (is_over_) return finish();
  ending_.started() ? ending_.look_soon() : ending_.start();
}

void ProxyProgram::on_delivered(io::ExitStatus status) {
  is_over_ = true;
  if (status_ == io::ExitStatus::ok) status_ = status;
  linked_ ? session_->shut_down(why_) : finish();
}

// From here on nothing is waited for: whoever has something pending cancels it. What is cancelled still runs, while all
// that it refers to is there; then the event loop is empty.
void ProxyProgram::finish() {
  finished_ = true;
  io::Deliveries::of(context_).let_go();
  on_finish();
  log_timer_.stop();
  signals_.cancel();
}

}  // namespace tfunnel::proxy
