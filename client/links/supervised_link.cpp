#include "client/links/supervised_link.hpp"

#include <sys/wait.h>

#include <boost/asio/post.hpp>

#include <csignal>
#include <cstdio>
#include <random>

#include "client/links/passed_lines.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A command whose link is over has this long to end by itself: its exit status says most about the reason.
constexpr auto patience_after_loss = 300ms;
constexpr auto patience_after_goodbye = 1s;
constexpr auto patience_after_sigterm = 1s;
constexpr auto rest_period = 20ms;

/// Members that belong together and live until the last flow has let go of them.
struct LiveLink {
  LiveLink(asio::io_context& context, ChildProcess& child, const io::Session::Settings& settings, const io::Log& log)
      : channel(context, child.output.release(), child.input.release(), io::Channel::Ownership::channel),
        session(context, channel, settings, nullptr, log) {}
  io::Channel channel;
  io::Session session;
};

std::string seconds_text(core::Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(duration).count());
  return text;
}

double chance() {
  std::random_device device;
  return std::uniform_real_distribution<double>(0, 1)(device);
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
      timer_(context),
      down_since_(Clock::now()) {}

void SupervisedLink::start() {
  resting_ = false;
  ended_.reset();
  child_status_.reset();
  rest_ended_ = false;
  ended_by_us_ = false;
  lent_ = false;
  hung_ = false;
  started_at_ = Clock::now();
  const auto apart = apart_ ? settings_.command.past_control_master() : std::nullopt;
  child_ = ChildProcess::start(apart.value_or(settings_.command));
  events_.on_process();
  if (child_.errors.is_open()) {
    const auto lines = std::make_shared<PassedLines>(context_, std::move(child_.errors), errors_);
    lines->start();
    lines_ = lines;
  }
  open_session();
}

void SupervisedLink::open_session() {
  auto settings = settings_.session;
  settings.greeting_timeout = greeting_timeout();
  const auto live = std::make_shared<LiveLink>(context_, child_, settings, log_);
  session_ = {live, &live->session};
  session_->on_ready = [this] { on_ready(); };
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

// At the first start somebody may have to type a password. A login that is always slow shall not be cut off for ever.
core::Duration SupervisedLink::greeting_timeout() const {
  const auto usual = settings_.session.greeting_timeout;
  return was_up_ ? std::min(usual, std::max(settings_.restart_patience, 2 * greeted_in_)) : usual;
}

void SupervisedLink::on_ready() {
  loan_.take_back(child_.pid);
  up_ = true;
  up_since_ = Clock::now();
  greeted_in_ = lent_ ? core::Duration::zero() : up_since_ - started_at_;
  if (was_up_) {
    log_.info("link is up again after " + seconds_text(up_since_ - down_since_));
  } else {
    log_.info("link is up: connected to " + session_->peer_software());
  }
  was_up_ = true;
  if (draining_) session_->drain(*draining_);
  events_.on_up();
}

// The session must not be destroyed from within its own callback.
void SupervisedLink::on_session_end(io::ExitStatus status, const std::string& why) {
  if (draining_ && !session_->left_behind().over()) events_.on_cut(session_->left_behind());
  asio::post(context_, [session = std::move(session_)] {});
  session_ = nullptr;
  ended_ = {status, why};
  const bool was_up = std::exchange(up_, false);
  hung_ = !was_up && was_up_ && !child_status_ && Clock::now() - started_at_ >= greeting_timeout();
  if (was_up) {
    down_since_ = Clock::now();
    lived_ = down_since_ - up_since_;
  }
  if (rest_ended_) {
    finish();
  } else if (!child_status_) {
    end_child(stopping_ ? core::Duration(patience_after_goodbye) : core::Duration(patience_after_loss), SIGTERM);
  }
  if (was_up) events_.on_down();
}

/// The command gets `signal` if it has not ended within `patience`, and SIGKILL if that does not help.
void SupervisedLink::end_child(core::Duration patience, int signal) {
  timer_.expires_after(patience);
  timer_.async_wait([this, signal](error_code error) {
    if (error || child_.pid <= 0) return;
    ended_by_us_ = true;
    ::kill(-child_.pid, signal);
    if (signal != SIGKILL) end_child(patience_after_sigterm, SIGKILL);
  });
}

void SupervisedLink::check_child() {
  int status = 0;
  while (child_.pid > 0 && ::waitpid(child_.pid, &status, WNOHANG | WUNTRACED) == child_.pid) {
    WIFSTOPPED(status) ? child_stopped(WSTOPSIG(status)) : child_ended(status);
  }
}

void SupervisedLink::child_stopped(int signal) {
  const bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
  if (wants_terminal && !up_ && !stopping_ && !was_up_ && loan_.lend(child_.pid)) {
    lent_ = true;
    return;
  }
  if (wants_terminal) {
    errors_.warning("the command asks for the terminal, which is not free: use a key or an agent");
    ::kill(-child_.pid, SIGKILL);
  } else {
    ::kill(-child_.pid, SIGCONT);
  }
}

void SupervisedLink::child_ended(int status) {
  const auto group = std::exchange(child_.pid, -1);
  loan_.take_back(group);
  events_.on_process();
  child_status_ = status;
  // Processes that it started and left behind would hold the link's pipes, and live for ever.
  ::kill(-group, SIGTERM);
  end_rest(group, Clock::now() + patience_after_sigterm);
}

/// The rest of the group are not our children, so nobody tells when they have ended.
void SupervisedLink::end_rest(pid_t group, core::Time until) {
  if (::kill(-group, 0) == 0) {
    if (Clock::now() < until) {
      timer_.expires_after(rest_period);
      timer_.async_wait([this, group, until](error_code error) {
        if (!error) end_rest(group, until);
      });
      return;
    }
    ::kill(-group, SIGKILL);
  }
  rest_ended_ = true;
  // Its last words may still be in the pipe: the session meets the end by itself.
  if (ended_) finish();
}

/// The session is over and the command has ended.
void SupervisedLink::finish() {
  timer_.cancel();
  if (const auto lines = lines_.lock()) lines->finish();
  if (stopping_) return events_.on_stopped();
  auto why = ended_->why;
  if (!ended_by_us_) why = "the link's command " + describe_end(*child_status_) + ": " + why;
  if (was_up_) return try_again_later(why);
  const bool interrupted = WIFSIGNALED(*child_status_) && WTERMSIG(*child_status_) == SIGINT;
  events_.on_failed({interrupted ? io::ExitStatus::interrupted : ended_->status, why});
}

void SupervisedLink::retry() { try_again_later("it did not come up"); }

void SupervisedLink::try_again_later(const std::string& why) {
  const auto lived = std::exchange(lived_, std::nullopt);
  // A connection of its own that fails (a key that only the master has) is no better than a master that hangs.
  if (!lived) apart_ = hung_ && !apart_ && settings_.command.past_control_master();
  const auto wait = back_off_.next(lived.value_or(core::Duration::zero()), chance());
  const auto how = !lived && apart_ ? ", ssh without a ControlMaster, which may be dead" : "";
  const auto line = why + "; trying again in " + seconds_text(wait) + how;
  lived ? log_.warning("link lost: " + line) : log_.info("link is still down: " + line);
  resting_ = true;
  timer_.expires_after(wait);
  timer_.async_wait([this](error_code error) {
    if (!error && resting_) try_again();
  });
}

void SupervisedLink::try_again() {
  try {
    start();
  } catch (const boost::system::system_error& error) {
    // No room for a process or a pipe now.
    try_again_later(error.what());
  }
}

void SupervisedLink::nudge() {
  if (session_) session_->probe();
  if (!resting_) return;
  back_off_.forget();
  timer_.cancel();
  try_again();
}

void SupervisedLink::drain(core::LastCall::Terms terms) {
  draining_ = terms;
  if (up_) session_->drain(terms);
}

void SupervisedLink::stop(const std::string& why) {
  if (std::exchange(stopping_, true)) return;
  resting_ = false;
  if (session_) {
    session_->shut_down(why);
    // A command that has not greeted does not listen for a goodbye: ssh that cannot connect, say.
    if (!up_ && child_.pid > 0) end_child(core::Duration::zero(), SIGTERM);
  } else if (child_.pid <= 0 && (rest_ended_ || !child_status_)) {
    asio::post(context_, [this] { events_.on_stopped(); });
  }
}

}  // namespace tfunnel::client
