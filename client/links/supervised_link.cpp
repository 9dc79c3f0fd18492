#include "client/links/supervised_link.hpp"

#include <sys/wait.h>

#include <boost/asio/post.hpp>

#include <csignal>
#include <random>
#include <variant>

#include "client/links/passed_lines.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;

/// Members that belong together and live until the last flow has let go of them.
struct LiveLink {
  LiveLink(asio::io_context& context, ChildProcess& process, const io::Session::Settings& settings, const io::Log& log)
      : channel(context, process.output.release(), process.input.release(), io::Channel::Ownership::channel),
        session(context, channel, settings, nullptr, log) {}
  io::Channel channel;
  io::Session session;
};

double chance() {
  std::random_device device;
  return std::uniform_real_distribution<double>(0, 1)(device);
}

LinkSupervision::Settings supervision_of(const SupervisedLink::Settings& settings) {
  return {settings.session.greeting_timeout,
          settings.restart_patience,
          settings.command.past_control_master().has_value(),
          chance,
          settings.command.script,
          settings.keeps_trying};
}

}  // namespace

SupervisedLink::SupervisedLink(asio::io_context& context, Settings settings, Events events, const io::Log& log,
                               const io::Log& errors, TerminalLoan& loan)
    : context_(context),
      settings_(std::move(settings)),
      events_(std::move(events)),
      log_(log),
      errors_(errors),
      loan_(loan),
      supervision_(supervision_of(settings_)),
      timer_(context) {}

void SupervisedLink::start() { act(supervision_.start(Clock::now())); }
void SupervisedLink::retry() { act(supervision_.retry(Clock::now())); }
void SupervisedLink::nudge() { act(supervision_.nudge(Clock::now())); }
void SupervisedLink::drain(core::LastCall::Terms terms) { act(supervision_.drain(terms)); }
void SupervisedLink::stop(const std::string& why) { act(supervision_.stop(Clock::now(), why)); }

void SupervisedLink::close() {
  closed_ = true;
  timer_.cancel();
  for (const auto& one : lines_) {
    if (const auto lines = one.lock()) lines->close();
  }
}

// An action may lead to events, and these to other actions, before the next one is carried out.
void SupervisedLink::act(const LinkSupervision::Actions& actions) {
  for (const auto& action : actions) {
    std::visit([this](const auto& one) { carry_out(one); }, action);
  }
  wait();
}

void SupervisedLink::wait() {
  const auto due = supervision_.due();
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*due);
  timer_.async_wait([this](error_code error) {
    if (error || closed_) return;
    look_at_group();
    act(supervision_.time_passed(Clock::now()));
  });
}

void SupervisedLink::look_at_group() {
  if (!group_.anybody_left()) act(supervision_.group_gone(Clock::now()));
}

void SupervisedLink::check_child() {
  while (const auto status = group_.news()) {
    if (WIFSTOPPED(*status)) {
      act(supervision_.command_stopped(WSTOPSIG(*status)));
      continue;
    }
    events_.on_process();
    const bool interrupted = WIFSIGNALED(*status) && WTERMSIG(*status) == SIGINT;
    const auto exit_status = WIFEXITED(*status) ? std::optional(WEXITSTATUS(*status)) : std::nullopt;
    act(supervision_.command_ended(Clock::now(), {describe_end(*status), interrupted, exit_status, last_words()}));
    look_at_group();
  }
}

void SupervisedLink::carry_out(const LinkSupervision::Start& start) {
  try {
    begin(start);
  } catch (const boost::system::system_error& error) {
    if (start.is_first) throw;
    act(supervision_.start_failed(Clock::now(), error.what()));
  }
}

void SupervisedLink::begin(const LinkSupervision::Start& start) {
  const auto apart = start.past_master ? settings_.command.past_control_master() : std::nullopt;
  auto process = ChildProcess::start(apart.value_or(settings_.command));
  group_ = ChildGroup(process.pid);
  if (!start.is_first) ++facts_.restarts;
  events_.on_process();
  last_lines_.reset();
  if (process.errors.is_open()) {
    last_lines_ = std::make_shared<PassedLines>(context_, std::move(process.errors), errors_);
    last_lines_->start();
    std::erase_if(lines_, [](const auto& one) { return one.expired(); });
    lines_.push_back(last_lines_);
  }
  open_session(process, start);
}

// What a command that has ended said is in the pipe at least.
std::string SupervisedLink::last_words() {
  if (!last_lines_) return {};
  last_lines_->catch_up();
  return last_lines_->last_line();
}

void SupervisedLink::open_session(ChildProcess& process, const LinkSupervision::Start& start) {
  auto settings = settings_.session;
  settings.greeting_timeout = start.greeting_timeout;
  if (!start.tells_silence) settings.silence_notice = {};
  const auto live = std::make_shared<LiveLink>(context_, process, settings, log_);
  session_ = {live, &live->session};
  session_->on_ready = [this] {
    note_state(true);
    facts_.far_end = session_->peer_software();
    act(supervision_.greeted(Clock::now(), session_->peer_software()));
  };
  session_->on_asked_to_drain = [this] { events_.on_down(); };
  session_->on_progress = [this] { events_.on_progress(); };
  session_->on_reach_change = [this] { events_.on_reach(); };
  // The channel is closed in any case, though flows that still drain may hold the session for long.
  session_->on_end = [this, &channel = live->channel](io::ExitStatus status, const std::string& why) {
    channel.close();
    on_session_end(status, why);
  };
  session_->start();
}

// The session must not be destroyed from within its own callback.
void SupervisedLink::on_session_end(io::ExitStatus status, const std::string& why) {
  const auto ended = std::exchange(session_, nullptr);
  asio::post(context_, [ended] {});
  if (is_up_) note_state(false);
  act(supervision_.session_ended(Clock::now(), status, why, ended->left_behind()));
}

void SupervisedLink::note_state(bool is_up) {
  is_up_ = is_up;
  facts_.since = Clock::now();
}

LinkFacts SupervisedLink::facts(std::size_t most_flows) const {
  auto facts = facts_;
  facts.up = is_up_;
  if (is_up_) facts.table = session_->table(most_flows);
  return facts;
}

void SupervisedLink::carry_out(const LinkSupervision::LendTerminal&) {
  act(loan_.lend(group_.number()) ? supervision_.lent() : supervision_.refused());
}

void SupervisedLink::carry_out(const LinkSupervision::Close&) {
  if (last_lines_) last_lines_->finish();
}

void SupervisedLink::carry_out(const LinkSupervision::Say& say) {
  if (!is_up_) facts_.trouble = say.text;
  (say.about_command ? errors_ : log_).write(say.level, say.text);
}

void SupervisedLink::carry_out(const LinkSupervision::TellStopped&) {
  asio::post(context_, [this] { events_.on_stopped(); });
}

}  // namespace tfunnel::client
