// One way to prove to a proxy who we are.
#pragma once

#include <string>

#include "proxy/auth/auth_challenge.hpp"
#include "proxy/auth/security_context.hpp"

namespace tfunnel::proxy {

/// The request that the proof is bound to.
struct AuthRequest {
  std::string method;  // "CONNECT"
  std::string target;  // the request line's
};

/// One for each proxy and scheme, used by all connections to that proxy.
class AuthScheme {
 public:
  AuthScheme() = default;
  AuthScheme(const AuthScheme&) = delete;
  AuthScheme& operator=(const AuthScheme&) = delete;
  virtual ~AuthScheme() = default;

  /// As it stands in a header: "Basic".
  [[nodiscard]] virtual std::string name() const = 0;
  /// How good the answer to this challenge would be, to choose among several; 0: it cannot be answered.
  [[nodiscard]] virtual int strength(const Challenge& challenge) const = 0;
  /// A value for Proxy-Authorization that answers this challenge, once: nobody else has been given the same one, and so
  /// nothing that others send makes the answer wrong. REQUIRES: strength(challenge) > 0.
  virtual std::string answer(const Challenge& challenge, const AuthRequest& request) = 0;
  /// The proxy took the answer to this challenge: authorization() goes on with it.
  virtual void adopt(const Challenge& /*challenge*/) {}
  /// There is something to go on with.
  [[nodiscard]] virtual bool can_go_on() const { return true; }
  /// A value for a request that no challenge came before; each call may give another. REQUIRES: can_go_on().
  virtual std::string authorization(const AuthRequest& request) = 0;
  /// Does it prove to know a password, which a proxy may count as a failed login?
  [[nodiscard]] virtual bool uses_password() const { return true; }
  /// For a scheme that proves us for a connection instead of a request: what makes its tokens, and stands in for
  /// authorization(). Null for the others.
  [[nodiscard]] virtual std::shared_ptr<SecurityContext> new_context() const { return nullptr; }
};

}  // namespace tfunnel::proxy
