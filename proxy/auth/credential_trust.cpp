#include "proxy/auth/credential_trust.hpp"

#include <algorithm>

namespace tfunnel::proxy {

namespace {

/// The one whose time comes first.
void forget_one(auto& destinations, const auto& time_of) {
  destinations.erase(std::ranges::min_element(destinations, {}, time_of));
}

}  // namespace

CredentialTrust::Verdict CredentialTrust::ask(const std::string& destination, core::Time now, Trial& trial) {
  if (resting(now)) return Verdict::withhold;
  if (const auto found = refused_.find(destination); found != refused_.end()) {
    if (now < found->second.until) return Verdict::withhold;
    refused_.erase(found);
  }
  const bool slow = now - last_trial_ >= patience;
  // A trial where they were accepted before decides soon.
  if (doubted(now) && !accepted_at_.contains(destination)) {
    return trials_ > 0 && !slow ? Verdict::wait : Verdict::withhold;
  }
  if (now < proven_until_) return Verdict::show;
  if (trials_ >= most_trials_) {
    if (!slow) return Verdict::wait;
    most_trials_ *= 2;
  }
  last_trial_ = now;
  trial = Trial(shared_from_this());
  return Verdict::show;
}

void CredentialTrust::accepted(const std::string& destination, core::Time now) {
  const bool news = now >= proven_until_;
  ever_proven_ = true;
  proven_until_ = now + proof_lasts;
  believed_until_ = proven_until_;
  doubted_until_ = {};
  rests_until_ = {};
  most_trials_ = 1;
  for (auto& [elsewhere, refusal] : refused_) refusal.counts = false;
  if (accepted_at_.size() >= most_accepting && !accepted_at_.contains(destination)) {
    forget_one(accepted_at_, [](const auto& entry) { return entry.second; });
  }
  accepted_at_[destination] = now;
  if (news) tell();
}

void CredentialTrust::unclear() {
  if (most_trials_ < most_unclear) most_trials_ *= 2;
  tell();
}

void CredentialTrust::refused(const std::string& destination, core::Time now) {
  if (resting(now)) return;
  const bool accepted_before = accepted_at_.erase(destination) > 0;
  if (accepted_before && doubted(now)) return refused(now);
  if (accepted_before) believed_until_ = {};
  std::erase_if(refused_, [now](const auto& entry) { return entry.second.until <= now; });
  if (refused_.size() >= most_remembered) forget_one(refused_, [](const auto& entry) { return entry.second.until; });
  refused_[destination] = {now + rest, true};
  if (refusals() >= most_refusals(now)) return doubt(now);
  proven_until_ = {};
  most_trials_ = 1;
  tell();
}

void CredentialTrust::doubt(core::Time now) {
  if (accepted_at_.empty()) return refused(now);
  doubted_until_ = now + rest;
  proven_until_ = {};
  most_trials_ = 1;
  tell();
}

void CredentialTrust::refused(core::Time now) {
  if (resting(now)) return;
  changed();
  rests_until_ = now + rest;
  tell();
}

void CredentialTrust::changed() {
  refused_.clear();
  accepted_at_.clear();
  rests_until_ = {};
  doubted_until_ = {};
  proven_until_ = {};
  believed_until_ = {};
  ever_proven_ = false;
  most_trials_ = 1;
  tell();
}

CredentialTrust::Rest CredentialTrust::rest_at(core::Time now) const {
  if (resting(now)) return Rest::everywhere;
  return doubted(now) ? Rest::where_never_accepted : Rest::where_refused;
}

void CredentialTrust::trial_over() {
  --trials_;
  tell();
}

void CredentialTrust::tell() {
  if (on_change_) on_change_();
}

std::size_t CredentialTrust::refusals() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(refused_, [](const auto& entry) { return entry.second.counts; }));
}

std::size_t CredentialTrust::most_refusals(core::Time now) const {
  if (!ever_proven_) return most_refused;
  return now < believed_until_ ? most_refused_after_proof : most_refused_after_success;
}

}  // namespace tfunnel::proxy
