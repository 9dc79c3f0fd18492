#include "common/io/attachment.hpp"

#include <algorithm>
#include <utility>

#include "common/core/said.hpp"
#include "common/core/text.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;
using Verdict = core::GreetingSearch::Verdict;
using Greeter = core::Greeter;

// A person waits, and a slow line must not be full of greetings when the far end comes.
constexpr std::chrono::milliseconds repeat_interval{1000};
constexpr double repeat_bytes = 300;

std::chrono::milliseconds repeat_after(double link_rate) {
  if (link_rate <= 0) return repeat_interval;
  return std::max(repeat_interval, std::chrono::milliseconds(static_cast<int>(1000 * repeat_bytes / link_rate)));
}

std::string is_no_tfunnel(const std::string& noise) { return " is no tfunnel; it said " + core::what_was_said(noise); }

/// What a person may have forgotten, if nobody has greeted here for a while.
const char* hint_in_silence(const Attachment::Settings& settings) {
  if (settings.role == wire::ROLE_PROXY) {
    return "no client has greeted yet; this is the far end of a tunnel, which a client starts, as in tfunnel -p 12300 "
           "--via 'ssh host tfunnel'";
  }
  // Such a line has no command at its end.
  return settings.repeats_greeting ? "no answer yet; does `tfunnel --tty` run on the other side of the line?"
                                   : "no answer yet; does the command end with `tfunnel`?";
}

}  // namespace

const char* far_name(wire::Role role) { return role == wire::ROLE_CLIENT ? "the far end" : "the client"; }

Attachment::Attachment(asio::io_context& context, Channel& channel, core::Mux& mux, const Settings& settings,
                       Events events, const Log& log)
    : mux_(mux),
      settings_(settings),
      events_(std::move(events)),
      log_(log),
      path_(settings.data_path, channel),
      link_(std::make_shared<Link>(
          context, channel, mux, path_,
          Link::Events{[this](core::ByteView bytes) { return on_bytes(bytes); },
                       [this](error_code error) { on_link_error(error); }, [this] { keepalive_.wrote(Clock::now()); },
                       [this] { keepalive_.heard(Clock::now()); }})),
      greeting_patience_(settings.greeting_timeout, Clock::now()),
      keepalive_(settings.keepalive, Clock::now()),
      timer_(context),
      repeat_timer_(context),
      silence_timer_(context) {}

Attachment::~Attachment() { stop(); }

void Attachment::start() {
  link_->prepend(core::greeting());
  link_->start();
  watch_greeting();
  watch_silence();
  if (settings_.repeats_greeting) repeat_greeting();
}

void Attachment::on_hello() {
  hello_received_ = true;
  watch_keepalive();
}

void Attachment::watch_greeting() {
  timer_.expires_after(greeting_patience_.next(Clock::now()));
  timer_.async_wait([this](error_code error) {
    if (error || hello_received_ || ended_) return;
    if (!greeting_patience_.is_over(Clock::now()) || link_->input_waiting()) return watch_greeting();
    const auto said = greeting_.noise().empty() ? "" : "; it said " + core::what_was_said(greeting_.noise());
    const std::string echo =
        echoed_ ? ". Our own greeting came back: the line echoes, or the same command is on both sides of it" : "";
    end(ExitStatus::link_lost, std::string(far_name(settings_.role)) + " has not greeted in time" + said + echo);
  });
}

void Attachment::watch_silence() {
  if (settings_.silence_notice <= core::Duration::zero()) return;
  silence_timer_.expires_after(settings_.silence_notice);
  silence_timer_.async_wait([this](error_code error) {
    if (error || greeted_ || ended_ || leaving_) return;
    // This process was stopped, say.
    if (link_->input_waiting()) return watch_silence();
    log_.warning(silence_words());
  });
}

std::string Attachment::silence_words() const {
  const std::string hint = hint_in_silence(settings_);
  return greeting_.noise().empty() ? hint : hint + " So far it said " + core::what_was_said(greeting_.noise());
}

// Output that still waits would only be said twice.
void Attachment::repeat_greeting() {
  repeat_timer_.expires_after(repeat_after(settings_.link_rate));
  repeat_timer_.async_wait([this](error_code error) {
    if (error || greeted_ || ended_ || leaving_) return;
    if (!link_->output_waiting()) mux_.repeat_greeting();
    repeat_greeting();
  });
}

std::size_t Attachment::on_bytes(core::ByteView bytes) {
  keepalive_.heard(Clock::now());
  if (ended_ || leaving_) return bytes.size();
  return greeted_ ? receive(bytes) : search_greeting(bytes);
}

std::size_t Attachment::search_greeting(core::ByteView bytes) {
  for (std::size_t used = 0;;) {
    if (greeting_.verdict() == Verdict::searching) used += greeting_.feed(bytes.subspan(used));
    if (greeting_.verdict() == Verdict::searching) return used;
    if (!check_greeting()) return bytes.size();
    const auto behind = bytes.subspan(used);
    switch (settings_.repeats_greeting ? core::greeter(behind, settings_.role) : Greeter::far_end) {
      case Greeter::unknown_yet: return used;
      case Greeter::far_end: on_greeting(); return used + receive(behind);
      case Greeter::ourselves: echoed_ = true; break;
      case Greeter::nobody: break;
    }
    greeting_.go_on();
  }
}

/// False: it was none, or one of another version, and the link has ended.
bool Attachment::check_greeting() {
  const auto who = std::string(far_name(settings_.role));
  if (greeting_.verdict() == Verdict::not_found) {
    end(ExitStatus::protocol, who + is_no_tfunnel(greeting_.noise()));
    return false;
  }
  if (greeting_.version() == core::protocol_version) return true;
  end(ExitStatus::protocol, who + " speaks protocol version " + std::to_string(greeting_.version()) +
                                ", this program version " + std::to_string(core::protocol_version) +
                                "; install the same release at both ends");
  return false;
}

// It may have been heard from only just now, and have missed all that was said before.
void Attachment::on_greeting() {
  greeted_ = true;
  if (!greeting_.noise().empty()) log_.info("skipped before the greeting: " + core::what_was_said(greeting_.noise()));
  if (settings_.repeats_greeting) mux_.repeat_greeting();
  repeat_timer_.cancel();
  silence_timer_.cancel();
}

std::size_t Attachment::receive(core::ByteView bytes) {
  const auto used = mux_.receive(bytes, Clock::now());
  if (ended_) return bytes.size();
  if (used) return *used;
  auto message = "protocol error from " + std::string(far_name(settings_.role)) + ": " + used.error().message();
  if (used.error() == core::ProtocolError::same_role) message += "; is the same command on both sides of the link?";
  leave(ExitStatus::protocol, wire::GoAway::CODE_PROTOCOL_ERROR, used.error().message(), message);
  return bytes.size();
}

void Attachment::on_link_error(error_code error) {
  if (leaving_) return end(*leaving_, why_leaving_);
  // The far end may have been told to end as well, and so may the program that carries the link (Ctrl-C).
  if (events_.is_done()) return end(ExitStatus::ok, "");
  const auto who = std::string(far_name(settings_.role));
  const bool eof = error == asio::error::eof || error.value() == EPIPE || error.value() == ECONNRESET;
  const auto how = eof ? std::string("ended") : "failed: " + error.message();
  if (greeted_) return end(ExitStatus::link_lost, "the link " + how);
  if (!greeting_.noise().empty()) {
    return end(ExitStatus::protocol, who + is_no_tfunnel(greeting_.noise()) + " and the link " + how);
  }
  // The other side of a far end is who started it.
  const auto* const question = settings_.role == wire::ROLE_CLIENT ? "; is tfunnel installed there?" : "";
  end(ExitStatus::link_lost, "the link " + how + " before " + who + " said anything" + question);
}

void Attachment::watch_keepalive() {
  if (!keepalive_.enabled() || ended_ || leaving_) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(keepalive_.next_check(Clock::now()));
  timer_.async_wait([this](error_code error) {
    if (!error && !ended_ && !leaving_) check_keepalive();
  });
}

void Attachment::check_keepalive() {
  using Action = core::Keepalive::Action;
  const auto who = std::string(far_name(settings_.role));
  const auto seconds = core::in_seconds(settings_.keepalive.timeout);
  const auto now = Clock::now();
  const core::Keepalive::Waiting waiting{link_->output_waiting(), link_->input_waiting()};
  if (!waiting.output) keepalive_.wrote(now);
  switch (keepalive_.check(now, waiting)) {
    case Action::stalled:
      return end(ExitStatus::protocol, who + " has read nothing for " + seconds + "; giving up (--keepalive-timeout)");
    case Action::unanswered:
      return end(ExitStatus::link_lost, who + " does not answer after the network changed or this machine slept");
    case Action::dead:
      return leave(ExitStatus::link_lost, wire::GoAway::CODE_TIMED_OUT, "no answer for " + seconds,
                   who + " has been silent for " + seconds + "; giving up (--keepalive-timeout)");
    case Action::ping: mux_.ping(); break;
    case Action::none: break;
  }
  watch_keepalive();
}

// Called twice, it must not cut the goodbye, which is short anyway.
void Attachment::shut_down(const std::string& why) {
  if (!ended_ && !leaving_) leave(ExitStatus::ok, wire::GoAway::CODE_SHUTDOWN, why, "");
}

void Attachment::probe() {
  if (!is_up()) return;
  keepalive_.probe(Clock::now(), settings_.probe_timeout);
  if (keepalive_.enabled()) mux_.ping();
  watch_keepalive();
}

// The GoAway goes behind all that is in the batch already; flows stop being asked for more.
void Attachment::leave(ExitStatus status, GoAwayCode code, const std::string& message, const std::string& why) {
  leaving_ = status;
  why_leaving_ = why;
  mux_.go_away(code, message);
  timer_.expires_after(settings_.goodbye_timeout);
  timer_.async_wait([this](error_code error) {
    if (!error) end(*leaving_, why_leaving_);
  });
  link_->when_drained([this] { end(*leaving_, why_leaving_); });
}

void Attachment::end(ExitStatus status, const std::string& why) {
  if (ended_) return;
  stop();
  events_.on_end(status, why);
}

// Not twice: its channel may be gone by then.
void Attachment::stop() {
  if (std::exchange(ended_, true)) return;
  timer_.cancel();
  repeat_timer_.cancel();
  silence_timer_.cancel();
  link_->stop();
}

}  // namespace tfunnel::io
