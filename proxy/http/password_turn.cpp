#include "proxy/http/password_turn.hpp"

#include <chrono>

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
constexpr unsigned first_of_gateways = 500;
}  // namespace

ConnectDialogue::Next PasswordTurn::pass(Next next, const CredentialGate::Patience& patience,
                                         const asio::yield_context& yield) {
  const auto verdict = gate_.ask(destination_, trial_, patience, yield);
  shown_ = verdict == CredentialTrust::Verdict::show;
  if (verdict != CredentialTrust::Verdict::withhold) return next;
  const auto password = gate_.changed_password();
  if (!password) return dialogue_.withhold_password(gate_.refusal());
  authenticator_.renew(*password);
  return dialogue_.choose_again();
}

// A gateway's status comes from behind the door, and so does an answer in place of a 407, but one that refuses a
// password by another name; other refusals may come before the proxy has looked at the password. It may have been shown
// unasked, if the proxy had asked for it before.
void PasswordTurn::judge(Next next, unsigned status) {
  const bool at_the_door = status == proxy_authentication_required;
  challenged_ = challenged_ || (at_the_door && !shown_);
  if (!shown_ || (next != Next::established && next != Next::failed)) return;
  auto& trust = gate_.trust();
  const bool refused = dialogue_.password_refused() || status == unauthorized;
  if (next == Next::established || status >= first_of_gateways || (challenged_ && !at_the_door && !refused)) {
    trust.accepted(destination_, Clock::now());
  } else if (refused) {
    trust.refused(destination_, Clock::now());
    gate_.note_refusal(dialogue_.message());
    refused_ = true;
  } else {
    trust.unclear();
  }
  trial_ = {};
}

}  // namespace tfunnel::proxy
