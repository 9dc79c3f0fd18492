// Negotiate (RFC 4559) and NTLM ([MS-NTHT]): tokens of a security context, which prove us for one connection.
#pragma once

#include <utility>

#include "proxy/auth/auth_scheme.hpp"

namespace tfunnel::proxy {

class ContextAuth final : public AuthScheme {
 public:
  ContextAuth(Mechanism mechanism, MakeSecurityContext make, std::string host, std::optional<Credentials> credentials)
      : mechanism_(mechanism), make_(std::move(make)), host_(std::move(host)), credentials_(std::move(credentials)) {}

  [[nodiscard]] std::string name() const override { return kerberos() ? "Negotiate" : "NTLM"; }
  /// Kerberos comes first. NTLM is no better than its MD4 of the password, but hides that from a mere listener.
  [[nodiscard]] int strength(const Challenge& challenge) const override {
    return challenge.scheme != (kerberos() ? "negotiate" : "ntlm") ? 0 : kerberos() ? 30 : 15;
  }
  std::string answer(const Challenge& /*challenge*/, const AuthRequest& /*request*/) override { return {}; }
  std::string authorization(const AuthRequest& /*request*/) override { return {}; }
  /// Kerberos shows a ticket.
  [[nodiscard]] bool uses_password() const override { return !kerberos() && credentials_; }
  [[nodiscard]] std::shared_ptr<SecurityContext> new_context() const override {
    return make_(mechanism_, host_, credentials_);
  }

 private:
  [[nodiscard]] bool kerberos() const { return mechanism_ == Mechanism::spnego; }

  Mechanism mechanism_;
  MakeSecurityContext make_;
  std::string host_;
  std::optional<Credentials> credentials_;
};

}  // namespace tfunnel::proxy
