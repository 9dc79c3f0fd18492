#include "proxy/credential_trust.hpp"

#include <algorithm>

namespace tfunnel::proxy {

CredentialTrust::Verdict CredentialTrust::ask(const std::string& destination, core::Time now, Trial& trial) {
  if (resting(now)) return Verdict::withhold;
  if (const auto found = refused_.find(destination); found != refused_.end()) {
    if (now < found->second.until) return Verdict::withhold;
    refused_.erase(found);
  }
  if (now < proven_until_) return Verdict::show;
  if (trials_ >= most_trials_) {
    if (now - last_trial_ < patience) return Verdict::wait;
    most_trials_ *= 2;
  }
  last_trial_ = now;
  trial = Trial(shared_from_this());
  return Verdict::show;
}

void CredentialTrust::accepted(core::Time now) {
  const bool news = now >= proven_until_;
  ever_proven_ = true;
  proven_until_ = now + proof_lasts;
  rests_until_ = {};
  most_trials_ = 1;
  for (auto& [destination, refusal] : refused_) refusal.counts = false;
  if (news) tell();
}

void CredentialTrust::unclear() {
  if (most_trials_ < most_unclear) most_trials_ *= 2;
  tell();
}

bool CredentialTrust::refused(const std::string& destination, core::Time now) {
  if (resting(now)) return false;
  std::erase_if(refused_, [now](const auto& entry) { return entry.second.until <= now; });
  if (refused_.size() >= most_remembered) {
    const auto until = [](const auto& entry) { return entry.second.until; };
    refused_.erase(std::ranges::min_element(refused_, {}, until));
  }
  refused_[destination] = {now + rest, true};
  if (refusals() >= (ever_proven_ ? most_refused_after_success : most_refused)) return refused(now);
  proven_until_ = {};
  most_trials_ = 1;
  tell();
  return false;
}

bool CredentialTrust::refused(core::Time now) {
  if (resting(now)) return false;
  changed();
  rests_until_ = now + rest;
  tell();
  return true;
}

void CredentialTrust::changed() {
  refused_.clear();
  rests_until_ = {};
  proven_until_ = {};
  ever_proven_ = false;
  most_trials_ = 1;
  tell();
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

}  // namespace tfunnel::proxy
