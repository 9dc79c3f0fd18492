#include "proxy/lookup/shared_lookups.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tfunnel::proxy {

namespace {

std::string lower(std::string text) {
  for (auto& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

const NameAnswer* SharedLookups::kept(const std::string& name, core::Time now) const {
  const auto found = kept_.find(lower(name));
  return found == kept_.end() || found->second.until <= now ? nullptr : &found->second.answer;
}

SharedLookups::Ticket SharedLookups::wait(const std::string& name, Done done) {
  Ticket ticket{lower(name), ++last_number_};
  const auto [asked, is_new] = asked_.try_emplace(ticket.name);
  if (is_new) queue_.push_back(ticket.name);
  asked->second.waiting.emplace(ticket.number, std::move(done));
  return ticket;
}

void SharedLookups::give_up(const Ticket& ticket) {
  const auto asked = asked_.find(ticket.name);
  if (asked == asked_.end()) return;
  asked->second.waiting.erase(ticket.number);
  if (asked->second.running || !asked->second.waiting.empty()) return;
  asked_.erase(asked);
  std::erase(queue_, ticket.name);
}

std::optional<std::string> SharedLookups::next() {
  if (queue_.empty() || running_ >= limits_.running) return std::nullopt;
  auto name = std::move(queue_.front());
  queue_.pop_front();
  asked_.at(name).running = true;
  ++running_;
  return name;
}

void SharedLookups::answered(const std::string& name, NameAnswer answer, core::Time now) {
  const auto asked = asked_.find(name);
  assert(asked != asked_.end() && asked->second.running);
  // A waiter that is called may ask again.
  const auto waiting = std::move(asked->second.waiting);
  asked_.erase(asked);
  --running_;
  keep(name, answer, now);
  for (const auto& [number, done] : waiting) done(answer);
}

void SharedLookups::keep(const std::string& name, const NameAnswer& answer, core::Time now) {
  const auto good_for = answer.addresses.empty() ? limits_.failure : std::min(answer.good_for, limits_.longest);
  kept_.erase(name);
  if (good_for <= core::Duration::zero()) return;
  if (kept_.size() >= limits_.kept) {
    std::erase_if(kept_, [&](const auto& entry) { return entry.second.until <= now; });
  }
  if (kept_.size() >= limits_.kept) {
    kept_.erase(std::ranges::min_element(kept_, {}, [](const auto& entry) { return entry.second.until; }));
  }
  kept_.emplace(name, Kept{answer, now + good_for});
}

}  // namespace tfunnel::proxy
