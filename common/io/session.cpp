#include "common/io/session.hpp"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <utility>

#include "common/io/flow_table.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;

core::Mux::Settings mux_settings(const Session::Settings& settings) {
  return {settings.role,      settings.max_flows, "tfunnel " TFUNNEL_VERSION, settings.udp_timeouts,
          settings.link_rate, settings.resolver,  settings.on_flow_over};
}

}  // namespace

Session::Session(asio::io_context& context, Channel& channel, const Settings& settings, core::FlowAcceptor* acceptor,
                 const Log& log)
    : context_(context),
      settings_(settings),
      log_(log),
      budget_(settings.buffer_size),
      mux_(mux_settings(settings), budget_, *this, acceptor),
      sweep_(context, mux_, settings.udp_timeouts),
      farewell_(context, mux_, settings.role) {
  attach(channel);
  mux_.on_output([this] {
    if (attachment_) attachment_->wake();
  });
  farewell_.on_news([this] {
    if (on_progress) on_progress();
  });
}

Session::~Session() = default;

void Session::attach(Channel& channel) {
  attachment_ = std::make_unique<Attachment>(
      context_, channel, mux_, settings_,
      Attachment::Events{[this](ExitStatus status, const std::string& why) { end(status, why); },
                         [this] { return farewell_.begun() && farewell_.look(Clock::now()).over(); }},
      log_);
}

void Session::start() { attachment_->start(); }

// Its handlers that are due already still find it.
void Session::detach() {
  attachment_->stop();
  asio::post(context_, [attachment = std::shared_ptr<Attachment>(std::move(attachment_))] {});
  mux_.begin_anew();
}

void Session::drain(core::LastCall::Terms terms) {
  if (is_up() && !farewell_.begun()) farewell_.begin(terms);
}

core::Drain::Facts Session::prospects() {
  return farewell_.begun() && !ended_ && attachment_ && !attachment_->leaves() ? farewell_.look(Clock::now())
                                                                               : core::Drain::Facts();
}

// Called twice, it must not cut the goodbye, which is short anyway.
void Session::shut_down(const std::string& why) {
  if (attachment_) attachment_->shut_down(why);
}

void Session::probe() {
  if (attachment_) attachment_->probe();
}

void Session::end(ExitStatus status, const std::string& why) {
  if (ended_) return;
  ended_ = true;
  sweep_.stop();
  attachment_->stop();
  if (!attachment_->leaves() && attachment_->was_up()) left_behind_ = farewell_.left_behind(Clock::now());
  farewell_.end();
  mux_.abandon();
  if (on_end) on_end(status, why);
}

void Session::on_hello(const wire::Hello& hello) {
  peer_software_ = core::printable(hello.software());
  if (hello.has_resolver()) peer_resolver_ = core::resolver_hints_from_wire(hello.resolver());
  reach_ = core::reach_from_wire(hello.families()).value_or(core::Reach());
  if (settings_.announces) {
    log_.info((settings_.role == wire::ROLE_CLIENT ? "connected to " : "serving ") + peer_software_);
  }
  attachment_->on_hello();
  if (on_ready) on_ready();
}

void Session::on_reach(const core::Reach& reach) {
  reach_ = reach;
  if (on_reach_change) on_reach_change();
}

void Session::on_go_away(const wire::GoAway& go_away) {
  const auto said =
      std::string(far_name(settings_.role)) + " ended the tunnel: " + core::printable(go_away.message(), 200);
  switch (go_away.code()) {
    case wire::GoAway::CODE_SHUTDOWN: return end(ExitStatus::ok, said);
    case wire::GoAway::CODE_TIMED_OUT: return end(ExitStatus::link_lost, said);
    default: return end(ExitStatus::protocol, said);
  }
}

// A client tells a proxy nothing that a person there should know.
void Session::on_words(const core::FlowRequest& /*request*/, std::string words) {
  if (settings_.role == wire::ROLE_CLIENT && !settings_.far_end_warns_here) log_.far_end_says(std::move(words));
}

void Session::on_no_memory(const core::FlowRequest& request) {
  log_.about_flow(LogLevel::warning, "buffer_size is used up: a flow is refused", LogFlow(request));
}

void Session::on_drain(std::uint32_t number) {
  const bool first = !farewell_.asked();
  farewell_.on_drain(number);
  if (first && on_asked_to_drain) on_asked_to_drain();
}

void Session::print_table(const Log& log, std::size_t link) const { print_flow_table(log, link, mux_, budget_); }

boost::json::object Session::table(std::size_t most_flows) const { return flow_table(mux_, budget_, most_flows); }

}  // namespace tfunnel::io
