// What is known about proving ourselves to one proxy: the credentials, and the scheme that it wanted last.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/auth_scheme.hpp"
#include "proxy/proxy_url.hpp"

namespace tfunnel::proxy {

class Authenticator {
 public:
  explicit Authenticator(const std::optional<Credentials>& credentials);
  /// With these schemes, for tests.
  explicit Authenticator(std::vector<std::unique_ptr<AuthScheme>> schemes) : schemes_(std::move(schemes)) {}

  [[nodiscard]] bool has_credentials() const { return !schemes_.empty(); }
  /// Takes the challenge that can be answered best; null if there is none.
  const Challenge* choose(const std::vector<Challenge>& challenges);
  /// For Proxy-Authorization. Empty before the first challenge: a password is never sent to a proxy that did
  /// not ask, nor by Basic to one that might ask for Digest.
  std::string authorization(const AuthRequest& request);

 private:
  std::vector<std::unique_ptr<AuthScheme>> schemes_;
  AuthScheme* chosen_ = nullptr;
};

}  // namespace tfunnel::proxy
