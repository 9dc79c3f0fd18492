#include "client/links/link_supervision.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "client/links/command_end.hpp"

namespace tfunnel::client {

namespace {

using namespace std::chrono_literals;
using io::LogLevel;

// A command whose link is over has this long to end by itself: its exit status says most about the reason.
constexpr auto patience_after_loss = 300ms;
constexpr auto patience_after_goodbye = 1s;
constexpr auto patience_after_sigterm = 1s;
constexpr auto rest_period = 20ms;

std::string seconds_text(core::Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

LinkSupervision::Actions LinkSupervision::start(core::Time now) {
  begin(now);
  return answer();
}

void LinkSupervision::begin(core::Time now) {
  wait_.reset();
  session_ = Session::greets;
  command_ = Command::runs;
  session_end_ = {};
  command_end_ = {};
  ended_by_us_ = false;
  lent_ = false;
  hung_ = false;
  greeted_ = false;
  started_at_ = now;
  give(Start{past_master_, greeting_timeout(), !std::exchange(started_, true), !was_up_ && !settings_.script.empty()});
}

// A login that is always slow shall not be cut off for ever.
core::Duration LinkSupervision::greeting_timeout() const {
  const auto usual = settings_.greeting_timeout;
  return was_up_ ? std::min(usual, std::max(settings_.restart_patience, 2 * greeted_in_)) : usual;
}

LinkSupervision::Actions LinkSupervision::start_failed(core::Time now, const std::string& why) {
  session_ = Session::none;
  command_ = Command::none;
  try_again_later(now, why);
  return answer();
}

LinkSupervision::Actions LinkSupervision::greeted(core::Time now, const std::string& software) {
  give(TakeTerminalBack{});
  greeted_ = true;
  session_ = Session::up;
  up_since_ = now;
  greeted_in_ = lent_ ? core::Duration::zero() : now - started_at_;
  const bool again = std::exchange(was_up_, true);
  give(Say{LogLevel::info, again ? "link is up again after " + seconds_text(now - down_since_)
                                 : "link is up: connected to " + software});
  if (draining_) give(Drain{*draining_});
  give(TellUp{});
  return answer();
}

LinkSupervision::Actions LinkSupervision::session_ended(core::Time now, io::ExitStatus status, const std::string& why,
                                                        const core::Drain::Facts& left) {
  if (draining_ && !left.over()) give(TellCut{left});
  const bool was_up = std::exchange(session_, Session::none) == Session::up;
  session_end_ = {status, why};
  hung_ = !was_up && was_up_ && command_ == Command::runs && now - started_at_ >= greeting_timeout();
  if (was_up) {
    down_since_ = now;
    lived_ = now - up_since_;
  }
  if (command_ == Command::none) finish(now);
  // It may have got its signal before it had greeted.
  if (command_ == Command::runs && !ended_by_us_) {
    wait_ = {Next::terminate, now + (stopping_ ? core::Duration(patience_after_goodbye) : patience_after_loss)};
  }
  if (was_up) give(TellDown{});
  return answer();
}

void LinkSupervision::terminate(core::Time now) {
  ended_by_us_ = true;
  give(Signal{SIGTERM});
  wait_ = {Next::kill, now + patience_after_sigterm};
}

// Before there was a tunnel nobody else uses the terminal.
LinkSupervision::Actions LinkSupervision::command_stopped(int signal) {
  if (signal != SIGTTIN && signal != SIGTTOU) {
    give(Signal{SIGCONT});
  } else if (session_ == Session::up || stopping_ || was_up_) {
    return refused();
  } else {
    give(LendTerminal{});
  }
  return answer();
}

// A person has to be asked first, and shall not be talked to meanwhile.
LinkSupervision::Actions LinkSupervision::lent() {
  lent_ = true;
  give(Hush{});
  return answer();
}

LinkSupervision::Actions LinkSupervision::refused() {
  give(Say{LogLevel::warning, "the command asks for the terminal, which is not free: use a key or an agent", true});
  give(Signal{SIGKILL});
  return answer();
}

// Processes that it started and left behind would hold the link's pipes, and live for ever. They are not our children,
// so nobody tells when they have ended.
LinkSupervision::Actions LinkSupervision::command_ended(core::Time now, const CommandEnd& end) {
  command_ = Command::left_some;
  command_end_ = end;
  give(TakeTerminalBack{});
  give(Signal{SIGTERM});
  rest_may_last_until_ = now + patience_after_sigterm;
  wait_ = {Next::look_at_rest, now + rest_period};
  return answer();
}

// The command's last words may still be in the pipe: the session meets the end by itself.
LinkSupervision::Actions LinkSupervision::group_gone(core::Time now) {
  if (command_ != Command::left_some) return answer();
  command_ = Command::none;
  wait_.reset();
  if (session_ == Session::none) finish(now);
  return answer();
}

void LinkSupervision::look_at_rest(core::Time now) {
  if (now < rest_may_last_until_) {
    wait_ = {Next::look_at_rest, now + rest_period};
    return;
  }
  give(Signal{SIGKILL});
  command_ = Command::none;
  if (session_ == Session::none) finish(now);
}

std::optional<core::Time> LinkSupervision::due() const { return wait_ ? std::optional(wait_->until) : std::nullopt; }

LinkSupervision::Actions LinkSupervision::time_passed(core::Time now) {
  if (!wait_ || now < wait_->until) return answer();
  switch (std::exchange(wait_, std::nullopt)->next) {
    case Next::start: begin(now); break;
    case Next::terminate: terminate(now); break;
    case Next::kill: give(Signal{SIGKILL}); break;
    case Next::look_at_rest: look_at_rest(now); break;
  }
  return answer();
}

void LinkSupervision::finish(core::Time now) {
  give(Close{});
  if (stopping_) return give(TellStopped{});
  auto failure = why_it_failed();
  const bool given_up = failure.status == io::ExitStatus::interrupted;
  if (was_up_ || (settings_.keeps_trying && !given_up)) return try_again_later(now, failure.why);
  failed_ = true;
  give(TellFailed{std::move(failure)});
}

// Where the command's status says more than the session, which only saw its end, it speaks instead.
LinkSupervision::Failure LinkSupervision::why_it_failed() const {
  const bool interrupted = command_end_.interrupted || (!ended_by_us_ && command_end_.status == interrupted_status);
  if (interrupted && !was_up_) return {io::ExitStatus::interrupted, "interrupted"};
  if (ended_by_us_) return session_end_;
  const bool heard_nothing = !greeted_ && session_end_.status == io::ExitStatus::link_lost;
  const auto known = heard_nothing && command_end_.status
                         ? explain_status(*command_end_.status, settings_.script, command_end_.last_words)
                         : std::nullopt;
  return {session_end_.status, "the link's command " + command_end_.how + ": " + known.value_or(session_end_.why)};
}

void LinkSupervision::try_again_later(core::Time now, const std::string& why) {
  const auto lived = std::exchange(lived_, std::nullopt);
  // A connection of its own that fails (a key that only the master has) is no better than a master that hangs.
  if (!lived) past_master_ = hung_ && !past_master_ && settings_.can_go_past_master;
  const auto wait = back_off_.next(lived.value_or(core::Duration::zero()), settings_.chance());
  const auto* how = !lived && past_master_ ? ", ssh without a ControlMaster, which may be dead" : "";
  const auto line = why + "; trying again in " + seconds_text(wait) + how;
  const bool was_said = std::exchange(failed_, true) && !lived;
  give(was_said ? Say{LogLevel::info, "link is still down: " + line}
                : Say{LogLevel::warning, (lived ? "link lost: " : "no link yet: ") + line});
  wait_ = {Next::start, now + wait};
}

LinkSupervision::Actions LinkSupervision::retry(core::Time now) {
  if (!stopping_) try_again_later(now, "it did not come up");
  return answer();
}

LinkSupervision::Actions LinkSupervision::nudge(core::Time now) {
  if (session_ != Session::none) give(Probe{});
  if (wait_ && wait_->next == Next::start) {
    back_off_.forget();
    begin(now);
  }
  return answer();
}

LinkSupervision::Actions LinkSupervision::drain(core::LastCall::Terms terms) {
  draining_ = terms;
  if (session_ == Session::up) give(Drain{terms});
  return answer();
}

LinkSupervision::Actions LinkSupervision::stop(core::Time now, const std::string& why) {
  if (std::exchange(stopping_, true)) return answer();
  if (session_ != Session::none) {
    give(ShutDown{why});
    // A command that has not greeted does not listen for a goodbye: ssh that cannot connect, say.
    if (session_ == Session::greets && command_ == Command::runs) terminate(now);
  } else if (command_ == Command::none) {
    wait_.reset();
    give(TellStopped{});
  }
  return answer();
}

}  // namespace tfunnel::client
