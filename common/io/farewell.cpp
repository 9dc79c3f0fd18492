#include "common/io/farewell.hpp"

#include <algorithm>
#include <limits>

#include "common/io/deliveries.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How often we look while the far end waits: soon at first, for most ends are short.
constexpr core::Duration least_period = 5ms;
constexpr core::Duration longest_period = 100ms;
// How often it is told that something is left.
constexpr core::Duration telling_period = 500ms;

// A far end that understands Drain answers at once, and then whenever something has changed.
constexpr core::Duration answer_patience = 5s;
// One that does not says no more than that flows end.
constexpr core::Duration blind_patience = 1s;

// A peer may claim any number; sums of such must not overflow.
core::Undelivered from_wire(const wire::Remaining& remaining) {
  constexpr std::uint64_t most = 1ULL << 53;
  core::Undelivered left{.bytes = std::min(remaining.bytes(), most),
                         .connections = remaining.connections(),
                         .datagrams = remaining.datagrams()};
  if (remaining.has_destination()) left.destination = core::endpoint_from_wire(remaining.destination());
  return left;
}

wire::Remaining to_wire(const core::Undelivered& left, std::uint32_t number, std::uint64_t progress) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  wire::Remaining remaining;
  remaining.set_number(number);
  remaining.set_bytes(left.bytes);
  remaining.set_connections(static_cast<std::uint32_t>(std::min(left.connections, most)));
  remaining.set_datagrams(static_cast<std::uint32_t>(std::min(left.datagrams, most)));
  remaining.set_progress(progress);
  if (left.destination) core::endpoint_to_wire(*left.destination, *remaining.mutable_destination());
  return remaining;
}

}  // namespace

Farewell::Farewell(asio::io_context& context, core::Mux& mux, wire::Role role)
    : mux_(mux), context_(context), role_(role), timer_(context) {}

void Farewell::begin(core::LastCall::Terms terms) {
  begun_ = true;
  terms_ = terms;
  mux_.accept_no_more();
  if (mux_.peer_drains()) mux_.drain(++number_);
  look(Clock::now());
}

/// Data that has not been put into a batch yet. Datagrams to the client do not count: there is always one more.
core::Undelivered Farewell::unsent(core::Time now, core::LastCall::Terms terms, std::uint64_t least_bytes) {
  core::Undelivered sum;
  mux_.for_each_flow([&](const core::Flow& flow) {
    const bool counts = role_ == wire::ROLE_CLIENT || flow.request.transport == core::Transport::tcp;
    // It may be released by what it does now.
    const auto handler = flow.handler;
    if (!counts || !handler) return;
    handler->last_call(terms);
    auto left = handler->unsent(now);
    if (left.bytes < least_bytes) return;
    if (!left.none() && flow.request.transport == core::Transport::tcp) {
      left.destination = role_ == wire::ROLE_CLIENT ? flow.request.destination : flow.request.source;
    }
    sum += left;
  });
  return sum;
}

// The Drain whose answer tells of everything goes out when nothing is left to send, and again if there was more after
// all: a connection that had waited to be accepted.
core::Drain::Facts Farewell::look(core::Time now) {
  core::Drain::Facts facts;
  facts.left = unsent(now, terms_);
  const auto& counters = mux_.counters();
  const auto sent = counters.flows_opened + counters.bytes_sent;
  const bool quiet = facts.left.none() && !mux_.control_waits();
  if (quiet && mux_.peer_drains() && (!all_sent_ || sent != sent_before_)) mux_.drain(++number_);
  all_sent_ = quiet;
  sent_before_ = sent;
  // On a slow line all may have been sent long before it arrives.
  facts.position = sent + mux_.flow_count() - mux_.pacer().in_flight() + (answer_ ? answer_->progress() : 0);
  if (answer_) {
    const auto here = facts.left.connections;
    facts.left += from_wire(*answer_);
    // Most have something at both ends.
    facts.left.connections = std::max<std::uint64_t>(here, answer_->connections());
  }
  facts.unconfirmed = unconfirmed();
  facts.unconfirmed_is_cut = facts.unconfirmed && mux_.peer_drains() && role_ == wire::ROLE_CLIENT;
  return facts;
}

core::Drain::Facts Farewell::left_behind(core::Time now) {
  if (begun_) return look(now);
  if (role_ == wire::ROLE_PROXY) return {};
  core::Drain::Facts facts;
  facts.left = unsent(now, terms_, 1);
  return facts;
}

std::optional<core::Duration> Farewell::unconfirmed() const {
  // Nothing was ever entrusted to it.
  if (mux_.counters().flows_opened == 0) return std::nullopt;
  if (mux_.peer_drains()) {
    const bool confirmed = all_sent_ && answer_ && answer_->number() == number_;
    if (confirmed) return std::nullopt;
    return role_ == wire::ROLE_CLIENT && terms_ == core::LastCall::Terms::all ? core::Duration::max() : answer_patience;
  }
  bool ending = false;
  mux_.for_each_flow([&](const core::Flow& flow) { ending = ending || (flow.end_sent && !flow.end_received); });
  return ending || !all_sent_ ? std::optional(blind_patience) : std::nullopt;
}

void Farewell::on_remaining(const wire::Remaining& remaining) {
  if (!begun_ || remaining.number() > number_) return;
  answer_ = remaining;
  if (on_news_) on_news_();
}

void Farewell::on_drain(std::uint32_t number) {
  const bool waits = asked_.has_value() && asked_ != answered_;
  asked_ = number;
  // A peer that asks without end makes us look no more often for it.
  period_ = Clock::now() - looked_at_ >= least_period ? core::Duration::zero() : least_period;
  if (!waits) answer_later();
}

void Farewell::answer_later() {
  timer_.expires_after(period_);
  period_ = std::clamp(period_ * 2, least_period, longest_period);
  timer_.async_wait([this](error_code error) {
    if (!error && !ended_) answer();
  });
}

void Farewell::answer() {
  const auto now = Clock::now();
  looked_at_ = now;
  auto left = unsent(now, core::LastCall::Terms::what_was_sent);
  const auto deliveries = Deliveries::of(context_).look(&mux_);
  left += deliveries.left;
  const auto& counters = mux_.counters();
  const auto progress =
      counters.bytes_sent + counters.bytes_received - deliveries.waiting - left.connections - left.datagrams;
  const bool over = left.none() && !mux_.control_waits();
  const bool news = progress != said_progress_ && now - said_at_ >= telling_period;
  if (over || (news && !left.none())) {
    mux_.tell(to_wire(left, *asked_, progress));
    said_at_ = now;
    said_progress_ = progress;
  }
  if (over) answered_ = asked_;
  if (!over) answer_later();
}

}  // namespace tfunnel::io
