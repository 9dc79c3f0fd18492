// The Digest scheme (RFC 7616): proves to know the password without sending it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "proxy/auth/auth_scheme.hpp"
#include "proxy/auth/credentials.hpp"
#include "proxy/auth/digest_hash.hpp"

namespace tfunnel::proxy {

/// MD5, SHA-256 and SHA-512-256, each also as -sess; qop=auth, or none (RFC 2069). One nonce serves many requests,
/// counted by nc, until the proxy calls it stale. Requests on several connections overtake each other, and then many a
/// proxy has had enough of the nonce: so a challenge is answered with its own, which nobody else uses meanwhile.
class DigestAuth final : public AuthScheme {
 public:
  /// `make_cnonce` gives a new random token at each call.
  DigestAuth(Credentials credentials, std::function<std::string()> make_cnonce);

  [[nodiscard]] std::string name() const override { return "Digest"; }
  [[nodiscard]] int strength(const Challenge& challenge) const override;
  std::string answer(const Challenge& challenge, const AuthRequest& request) override;
  void adopt(const Challenge& challenge) override;
  [[nodiscard]] bool can_go_on() const override { return shared_.has_value(); }
  std::string authorization(const AuthRequest& request) override;

 private:
  struct Algorithm {
    Hash hash;
    bool session;  // -sess
  };
  /// A challenge, and how often its nonce was used.
  struct Nonce {
    Challenge challenge;
    Algorithm algorithm;
    bool qop;
    std::uint32_t uses = 0;
  };
  static std::optional<Algorithm> algorithm_of(const Challenge& challenge);
  static Nonce nonce_of(const Challenge& challenge);
  [[nodiscard]] std::string use(Nonce& nonce, const AuthRequest& request) const;
  [[nodiscard]] std::string response(const Nonce& nonce, const AuthRequest& request, const std::string& cnonce,
                                     const std::string& count) const;

  Credentials credentials_;
  std::function<std::string()> make_cnonce_;
  std::optional<Nonce> shared_;  // by all who were not challenged
};

}  // namespace tfunnel::proxy
