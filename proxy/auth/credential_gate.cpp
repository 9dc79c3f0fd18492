#include "proxy/auth/credential_gate.hpp"

#include "proxy/auth/password_file.hpp"
#include "proxy/io/cleared_slot.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;
using Verdict = CredentialTrust::Verdict;

std::string where(CredentialTrust::Rest rest) {
  switch (rest) {
    case CredentialTrust::Rest::where_refused: return " for this destination";
    case CredentialTrust::Rest::where_never_accepted: return " where they were not accepted before";
    case CredentialTrust::Rest::everywhere: break;
  }
  return "";
}

}  // namespace

/// In the list while it exists, also where the coroutine is unwound.
class CredentialGate::Place {
 public:
  Place(std::shared_ptr<Waiting> list, asio::steady_timer& timer)
      : list_(std::move(list)), place_(list_->insert(list_->end(), &timer)) {}
  ~Place() { list_->erase(place_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  std::shared_ptr<Waiting> list_;
  Waiting::iterator place_;
};

CredentialGate::CredentialGate(std::string password_file) : password_file_(std::move(password_file)) {
  if (!password_file_.empty()) {
    if (auto found = first_line_of(password_file_)) password_ = std::move(*found);
  }
  trust_->on_change([this] {
    for (auto* timer : *waiting_) timer->cancel();
  });
}

CredentialTrust::Verdict CredentialGate::ask(const std::string& destination, CredentialTrust::Trial& trial,
                                             const Patience& patience, const asio::yield_context& yield) {
  const ClearedSlot cleared(yield);
  while (!patience.over) {
    const auto verdict = trust_->ask(destination, Clock::now(), trial);
    if (verdict != Verdict::wait) return verdict;
    const Place place(waiting_, patience.timer);
    patience.timer.expires_after(CredentialTrust::patience);
    error_code ignored;
    patience.timer.async_wait(yield[ignored]);
    if (yield.cancelled() != asio::cancellation_type::none) break;
  }
  return Verdict::wait;
}

void CredentialGate::note_refusal(const std::string& words) {
  refusal_ = words + "; they are not sent again for 5 minutes" + where(trust_->rest_at(Clock::now())) +
             (password_file_.empty() ? "" : ", or until the password file has changed");
}

std::optional<std::string> CredentialGate::changed_password() {
  constexpr auto pause = std::chrono::seconds(1);
  const auto now = Clock::now();
  if (password_file_.empty() || now - read_at_ < pause) return std::nullopt;
  read_at_ = now;
  auto found = first_line_of(password_file_);
  if (!found || found->empty() || *found == password_) return std::nullopt;
  password_ = *found;
  trust_->changed();
  return password_;
}

}  // namespace tfunnel::proxy
