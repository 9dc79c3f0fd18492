// The Basic scheme (RFC 7617): the password, legible to anybody who sees the connection.
#pragma once

#include "proxy/auth/auth_scheme.hpp"
#include "proxy/auth/credentials.hpp"

namespace tfunnel::proxy {

class BasicAuth final : public AuthScheme {
 public:
  explicit BasicAuth(Credentials credentials) : credentials_(std::move(credentials)) {}

  [[nodiscard]] std::string name() const override { return "Basic"; }
  [[nodiscard]] int strength(const Challenge& challenge) const override { return challenge.scheme == "basic" ? 10 : 0; }
  std::string answer(const Challenge& /*challenge*/, const AuthRequest& request) override {
    return authorization(request);
  }
  std::string authorization(const AuthRequest& request) override;

 private:
  Credentials credentials_;
};

}  // namespace tfunnel::proxy
