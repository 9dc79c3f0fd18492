// Whether credentials may be shown to a proxy, which counts failed logins and in the end locks the account.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// One for each proxy and its credentials; it lives as long as a trial, which a coroutine may hold until the very end.
/// Pure: the time is passed in.
///
/// As long as nothing is known of them, one flow tries them, and the others wait for what comes of it. Once accepted,
/// all may show them, for as long as they are accepted again. Where refused, they rest; a proxy may refuse a single
/// destination by the same answer, so they rest for that one at first. After more such answers it may be they that are
/// bad: if they were never accepted, they rest for all. Else they rest wherever they were not accepted before; where
/// they were, one more flow at a time finds out: another refusal there, and they rest for all.
class CredentialTrust : public std::enable_shared_from_this<CredentialTrust> {
 public:
  /// For so long nothing is tried again.
  static constexpr core::Duration rest = std::chrono::minutes(5);
  /// So long after they were accepted they are taken for good.
  static constexpr core::Duration proof_lasts = std::chrono::minutes(1);
  /// Whose trial takes longer waits for its destination, it seems: after this time twice as many may be at work.
  static constexpr core::Duration patience = std::chrono::seconds(1);
  /// So many destinations in a row are refused before they rest for more than those: if they were never accepted, if
  /// so, and if that was a moment ago (proof_lasts) and none of these was among where they were.
  static constexpr std::size_t most_refused = 2;
  static constexpr std::size_t most_refused_after_success = 3;
  static constexpr std::size_t most_refused_after_proof = 5;
  /// Destinations that refused them; and as many that accepted them.
  static constexpr std::size_t most_remembered = 64;
  static constexpr std::size_t most_accepting = 512;
  static constexpr std::size_t most_unclear = 64;

  enum class Verdict { show, wait, withhold };
  /// Where refused ones rest now.
  enum class Rest { where_refused, where_never_accepted, everywhere };

  /// Exists while credentials are being shown.
  class Trial {
   public:
    Trial() = default;
    explicit Trial(std::shared_ptr<CredentialTrust> trust) : trust_(std::move(trust)) { ++trust_->trials_; }
    Trial(Trial&& other) noexcept = default;
    Trial& operator=(Trial&& other) noexcept {
      std::swap(trust_, other.trust_);
      return *this;
    }
    ~Trial() {
      if (trust_) trust_->trial_over();
    }

   private:
    std::shared_ptr<CredentialTrust> trust_;
  };

  CredentialTrust() = default;
  CredentialTrust(const CredentialTrust&) = delete;
  CredentialTrust& operator=(const CredentialTrust&) = delete;

  /// REQUIRES: it belongs to a shared_ptr. May they be shown for this destination? With `show`, `trial` is to be kept
  /// until the proxy has answered.
  Verdict ask(const std::string& destination, core::Time now, Trial& trial);
  void accepted(const std::string& destination, core::Time now);
  /// They were shown, and the answer tells nothing of them: twice as many may be tried at once, for those who wait must
  /// not wait for one such answer after the other.
  void unclear();
  void refused(const std::string& destination, core::Time now);
  /// The proxy said that it is they which it does not accept: they rest everywhere.
  void refused(core::Time now);
  /// They are others now.
  void changed();
  [[nodiscard]] bool ever_accepted() const { return ever_proven_; }
  [[nodiscard]] Rest rest_at(core::Time now) const;

  /// Called whenever ask() may give another answer.
  void on_change(std::function<void()> handler) { on_change_ = std::move(handler); }

 private:
  struct Refusal {
    core::Time until;
    bool counts;  // they were not accepted since
  };
  void trial_over();
  void tell();
  [[nodiscard]] bool resting(core::Time now) const { return now < rests_until_; }
  [[nodiscard]] bool doubted(core::Time now) const { return now < doubted_until_; }
  /// They may be bad, as far as the refusals tell.
  void doubt(core::Time now);
  [[nodiscard]] std::size_t refusals() const;
  [[nodiscard]] std::size_t most_refusals(core::Time now) const;

  std::map<std::string, Refusal> refused_;                   // by destination
  std::unordered_map<std::string, core::Time> accepted_at_;  // by destination, the last time
  core::Time rests_until_{};
  core::Time doubted_until_{};
  core::Time proven_until_{};    // nobody has to wait for his turn until then
  core::Time believed_until_{};  // the same, but refusals elsewhere do not end it
  core::Time last_trial_{};
  bool ever_proven_ = false;
  std::size_t trials_ = 0;
  std::size_t most_trials_ = 1;
  std::function<void()> on_change_;
};

}  // namespace tfunnel::proxy
