// All that is known about proving ourselves to one proxy: the credentials, and the scheme that it wanted last.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/auth/auth_scheme.hpp"
#include "proxy/auth/credentials.hpp"

namespace tfunnel::proxy {

class Authenticator {
 public:
  struct Choice {
    const Challenge* challenge = nullptr;  // null: none can be answered
    AuthScheme* scheme = nullptr;          // lives as long as the authenticator
  };

  /// `host` is the proxy's, as the user names it. Without `make_context`, neither Negotiate nor NTLM is spoken.
  explicit Authenticator(const std::optional<Credentials>& credentials, const std::string& host = {},
                         const MakeSecurityContext& make_context = {});

  /// Another password for the same user. Schemes that are in use stay valid, with the old one.
  void renew(const std::string& password);
  /// A user and password were given.
  [[nodiscard]] bool has_password() const { return credentials_.has_value(); }
  /// Takes the challenge that can be answered best, but by none of `without`.
  Choice choose(const std::vector<Challenge>& challenges, const std::set<const AuthScheme*>& without = {});
  /// For the first request of a connection: what the proxy wanted last. Null before the first challenge: a password
  /// is never sent to a proxy that did not ask, nor by Basic to one that might ask for Digest.
  [[nodiscard]] AuthScheme* known() const { return chosen_ != nullptr && chosen_->can_go_on() ? chosen_ : nullptr; }
  /// It turned out to be of no use: not known() any more.
  void forget(const AuthScheme* scheme);

 private:
  void make_schemes();

  std::optional<Credentials> credentials_;
  std::string host_;
  MakeSecurityContext make_context_;
  std::vector<std::unique_ptr<AuthScheme>> schemes_;
  std::vector<std::unique_ptr<AuthScheme>> former_;  // which dialogues may still refer to
  AuthScheme* chosen_ = nullptr;
};

}  // namespace tfunnel::proxy
