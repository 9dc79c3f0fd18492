#include "client/links/link_group.hpp"

#include <algorithm>

#include "common/core/text.hpp"
#include "common/io/flow_table.hpp"

namespace tfunnel::client {

LinkGroup::LinkGroup(asio::io_context& context, const Settings& settings, Events events, const io::Log& log)
    : log_(log), settings_(settings), events_(std::move(events)), loan_(settings.terminal_owner), patience_(context) {
  settings_.link.session.on_flow_over = events_.on_flow_over;
  for (int number = 1; number <= settings.count; ++number) {
    const auto name = "tfunnel link" + (settings.count > 1 ? " " + std::to_string(number) : "");
    auto& member = members_.emplace_back(Member{log.named(name), nullptr});
    member.link = std::make_unique<SupervisedLink>(context, settings_.link, events_of(members_.size() - 1),
                                                   settings.count > 1 ? member.errors : log, member.errors, loan_);
  }
}

SupervisedLink::Events LinkGroup::events_of(std::size_t number) {
  return {[this] { note_groups(); },
          [this] { on_up(); },
          [this] { on_down(); },
          [this, number](const auto& failure) { on_failed(members_[number], failure); },
          [this, number] { on_stopped(members_[number]); },
          [this] { events_.on_progress(); },
          [this](const auto& left) { events_.on_cut(left); },
          [this] { tell_reach(); }};
}

void LinkGroup::start() {
  for (auto& member : members_) member.link->start();
  if (settings_.link.keeps_trying) begin_patience();
}

void LinkGroup::drain(core::LastCall::Terms terms) {
  for (auto& member : members_) member.link->drain(terms);
}

core::Drain::Facts LinkGroup::prospects() {
  core::Drain::Facts sum;
  for (const auto& member : members_) sum += member.link->prospects();
  return sum;
}

void LinkGroup::stop(const std::string& why) {
  ending_ = true;
  patience_.cancel();
  for (auto& member : members_) member.link->stop(why);
}

void LinkGroup::check_children() {
  for (auto& member : members_) member.link->check_child();
}

void LinkGroup::nudge() {
  for (auto& member : members_) member.link->nudge();
}

bool LinkGroup::any_up() const {
  return std::ranges::any_of(members_, [](const auto& member) { return member.link->session() != nullptr; });
}

std::shared_ptr<io::Session> LinkGroup::choose() {
  std::shared_ptr<io::Session> best;
  // Starts behind the last one, so that equals take turns.
  const auto start = last_chosen_ + 1;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto number = (start + i) % members_.size();
    auto session = members_[number].link->session();
    if (!session || (best && session->mux().flow_count() >= best->mux().flow_count())) continue;
    best = std::move(session);
    last_chosen_ = number;
  }
  return best;
}

void LinkGroup::on_up() {
  patience_.cancel();
  was_up_ = true;
  // A link that failed while nobody knew whether there would be any is tried again now.
  for (auto& member : members_) {
    if (std::exchange(member.failed, false)) member.link->retry();
  }
  tell_reach();
  events_.on_mode(CaptureMode::serve);
}

// A link that goes takes nothing back: the same command is started again.
void LinkGroup::tell_reach() {
  std::optional<core::Reach> all;
  for (const auto& member : members_) {
    const auto session = member.link->session();
    if (session) all = all ? all->with(session->reach()) : session->reach();
  }
  if (all) events_.on_reach(*all);
}

void LinkGroup::on_down() {
  if (any_up() || ending_) return;
  if (settings_.link_wait <= core::Duration::zero()) return events_.on_mode(CaptureMode::refuse);
  events_.on_mode(CaptureMode::wait);
  if (!ending_) begin_patience();
}

void LinkGroup::begin_patience() {
  patience_.expires_after(settings_.link_wait);
  patience_.async_wait([this](error_code error) {
    if (error || ending_ || any_up()) return;
    tell_of_refusal();
    events_.on_mode(CaptureMode::refuse);
  });
}

void LinkGroup::tell_of_refusal() const {
  const bool is_true = settings_.refusal == Refusal::always || (was_up_ && settings_.refusal != Refusal::never);
  if (!is_true) return;
  const bool waited = settings_.link_wait > core::Duration::zero();
  log_.warning((waited ? "no link for " + core::in_seconds(settings_.link_wait) : std::string("there is no link yet")) +
               ": new connections are refused until there is one (--link-wait)");
}

void LinkGroup::on_failed(Member& member, const SupervisedLink::Failure& failure) {
  if (was_up_) {
    member.link->retry();
    if (any_up()) events_.on_mode(CaptureMode::serve);
    return;
  }
  member.failed = true;
  if (!std::ranges::all_of(members_, &Member::failed)) return;
  // Who pressed Ctrl-C knows of no error.
  const bool meant = failure.status == io::ExitStatus::interrupted;
  log_.write(meant ? io::LogLevel::info : io::LogLevel::error, failure.why);
  end(failure.status);
}

void LinkGroup::on_stopped(Member& member) {
  member.stopped = true;
  if (std::ranges::all_of(members_, &Member::stopped)) end(io::ExitStatus::ok);
}

void LinkGroup::end(io::ExitStatus status) {
  ending_ = true;
  patience_.cancel();
  for (auto& member : members_) member.link->close();
  events_.on_end(status);
}

void LinkGroup::note_groups() {
  for (std::size_t i = 0; i < std::min(settings_.groups.size(), members_.size()); ++i) {
    settings_.groups[i] = members_[i].link->group();
  }
}

void LinkGroup::print_table(const io::Log& log) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto number = members_.size() > 1 ? i + 1 : 0;
    const auto session = members_[i].link->session();
    session ? session->print_table(log, number) : io::print_no_flow_table(log, number);
  }
}

std::vector<LinkFacts> LinkGroup::facts(std::size_t most_flows) const {
  std::vector<LinkFacts> all;
  for (const auto& member : members_) all.push_back(member.link->facts(most_flows / members_.size()));
  return all;
}

}  // namespace tfunnel::client
