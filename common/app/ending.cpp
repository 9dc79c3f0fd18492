#include "common/app/ending.hpp"

#include <algorithm>
#include <utility>

#include "common/io/deliveries.hpp"

namespace tfunnel::app {

namespace {

using Clock = std::chrono::steady_clock;
using Verdict = core::Drain::Verdict;

// Most ends are short: we look often at first.
constexpr core::Duration first_period = std::chrono::milliseconds(5);
constexpr core::Duration longest_period = std::chrono::milliseconds(100);

constexpr const char* unconfirmed = "what the far end has not confirmed";

}  // namespace

Ending::Ending(asio::io_context& context, Terms terms, Events events, const io::Log& log)
    : context_(context), terms_(std::move(terms)), events_(std::move(events)), log_(log), timer_(context) {}

void Ending::start() {
  const auto now = Clock::now();
  if (drain_) {
    drain_->hurry(now);
  } else {
    drain_.emplace(terms_.limits, now);
    period_ = first_period;
  }
  look_soon();
}

void Ending::look_soon() {
  if (drain_ && !over_) look_later(core::Duration::zero());
}

void Ending::look_later(core::Duration wait) {
  timer_.expires_after(wait);
  timer_.async_wait([this](error_code error) {
    if (!error && !over_) look();
  });
}

void Ending::look() {
  const auto now = Clock::now();
  auto facts = events_.prospects(now);
  const auto ours = io::Deliveries::of(context_).look();
  facts.left += ours.left;
  facts.position -= ours.waiting + ours.left.connections + ours.left.datagrams;
  const auto verdict = drain_->look(now, facts);
  if (verdict == Verdict::tell) {
    log_.warning("still delivering " + (facts.left.none() ? unconfirmed : facts.left.text()) + "; " + terms_.way_out +
                 " ends it");
  }
  if (verdict == Verdict::wait || verdict == Verdict::tell) {
    look_later(period_);
    period_ = std::min(period_ * 2, longest_period);
    return;
  }
  over_ = true;
  if (verdict == Verdict::cut) say_cut(log_, facts);
  events_.on_over(verdict == Verdict::cut ? io::ExitStatus::cut : io::ExitStatus::ok);
}

void Ending::say_cut(const io::Log& log, const core::Drain::Facts& left) {
  log.error("cut: " + (left.left.none() ? unconfirmed : left.left.text()) + " was not delivered");
}

io::ExitStatus Ending::say_link_end(const io::Log& log, const io::Session& session, io::ExitStatus status,
                                    const std::string& why) {
  const bool good = status == io::ExitStatus::ok;
  if (!why.empty()) log.write(good ? io::LogLevel::info : io::LogLevel::error, why);
  if (session.left_behind().over()) return status;
  say_cut(log, session.left_behind());
  return good ? io::ExitStatus::cut : status;
}

}  // namespace tfunnel::app
