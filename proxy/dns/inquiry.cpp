#include "proxy/dns/inquiry.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cassert>
#include <utility>

#include "proxy/dns/dns_upstream.hpp"

namespace tfunnel::proxy {

namespace {

/// The server could not do its work, which says nothing about the name.
bool is_trouble(const dns::Message& answer) {
  const auto rcode = dns::rcode_of(answer);
  return rcode == dns::Rcode::server_failure || rcode == dns::Rcode::not_implemented || rcode == dns::Rcode::refused;
}

}  // namespace

Inquiry::Inquiry(const std::vector<core::Endpoint>& servers, const ResolvOptions& options)
    : timeout_(options.timeout), turns_left_(servers.size() * static_cast<std::size_t>(options.attempts)) {
  assert(!servers.empty());
  for (const auto& server : servers) servers_.push_back({server, false, false, {}});
}

// Each server has its time, whether or not it will answer in the end; only when the last one's is up all is over.
std::optional<core::Endpoint> Inquiry::next(core::Time now) {
  if (over() || now < due_) return std::nullopt;
  if (current_ && servers_[*current_].asked) silent_ = servers_[*current_].endpoint;
  for (; turns_left_ > 0; --turns_left_) {
    const auto turn = std::exchange(at_, (at_ + 1) % servers_.size());
    auto& server = servers_[turn];
    if (server.trouble) continue;
    --turns_left_;
    current_ = turn;
    server.asked = true;
    server.error.clear();
    asked_at_ = now;
    due_ = now + timeout_;
    return server.endpoint;
  }
  exhaust();
  return std::nullopt;
}

void Inquiry::heard(const core::Endpoint& server, dns::Message answer, core::Time now) {
  auto* from = find(server);
  if (over() || from == nullptr || from->trouble) return;
  from->asked = false;
  if (!is_trouble(answer)) {
    answerer_ = server;
    outcome_ = std::move(answer);
    return;
  }
  from->trouble = true;
  if (!trouble_) {
    answerer_ = server;
    trouble_ = std::move(answer);
  }
  if (std::ranges::all_of(servers_, &Server::trouble)) return exhaust();
  pass_on(*from, now);
}

void Inquiry::failed(const core::Endpoint& server, error_code error, core::Time now) {
  auto* from = find(server);
  if (over() || from == nullptr || !from->asked || is_silence(error)) return;
  from->asked = false;
  from->error = error;
  pass_on(*from, now);
}

void Inquiry::hurry(core::Time now) {
  if (turns_left_ > 0 && now - asked_at_ >= least_gap) due_ = std::min(due_, now);
}

std::optional<core::Endpoint> Inquiry::take_silent() { return std::exchange(silent_, std::nullopt); }

Inquiry::Server* Inquiry::find(const core::Endpoint& endpoint) {
  const auto found = std::ranges::find(servers_, endpoint, &Server::endpoint);
  return found == servers_.end() ? nullptr : &*found;
}

void Inquiry::pass_on(const Server& server, core::Time now) {
  if (current_ && &server == &servers_[*current_]) due_ = now;
}

void Inquiry::exhaust() {
  if (trouble_) {
    outcome_ = std::move(*trouble_);
    return;
  }
  error_code last = asio::error::timed_out;
  const bool silence = std::ranges::any_of(servers_, &Server::asked);
  if (!silence && current_) last = servers_[*current_].error;
  outcome_ = last;
}

}  // namespace tfunnel::proxy
