// When a CONNECT dialogue may show the password, and what comes of it.
#pragma once

#include <string>

#include "proxy/auth/authenticator.hpp"
#include "proxy/auth/credential_gate.hpp"
#include "proxy/http/connect_dialogue.hpp"

namespace tfunnel::proxy {

/// One for each dialogue, which it leads past the gate. All that it refers to must outlive it.
class PasswordTurn {
 public:
  using Next = ConnectDialogue::Next;

  PasswordTurn(CredentialGate& gate, Authenticator& authenticator, ConnectDialogue& dialogue, std::string destination)
      : gate_(gate), authenticator_(authenticator), dialogue_(dialogue), destination_(std::move(destination)) {}

  /// The next step of the dialogue waits for pass().
  [[nodiscard]] bool is_due() const { return !shown_ && dialogue_.shows_password(); }
  /// Waits; gives the step in place of `next`. If waiting was ended, that is `next`, and must not be done.
  /// REQUIRES: is_due().
  Next pass(Next next, const CredentialGate::Patience& patience, const asio::yield_context& yield);
  /// The proxy has answered by this status, and this is to come.
  void judge(Next next, unsigned status);
  /// The dialogue's failure, in words.
  [[nodiscard]] const std::string& failure() const { return refused_ ? gate_.refusal() : dialogue_.message(); }

 private:
  CredentialGate& gate_;
  Authenticator& authenticator_;
  ConnectDialogue& dialogue_;
  std::string destination_;
  CredentialTrust::Trial trial_;
  bool shown_ = false;
  bool challenged_ = false;  // the proxy wants a password, and had not seen it
  bool refused_ = false;
};

}  // namespace tfunnel::proxy
