// The Digest scheme (RFC 7616): proves to know the password without sending it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "proxy/auth_scheme.hpp"
#include "proxy/credentials.hpp"
#include "proxy/digest_hash.hpp"

namespace tfunnel::proxy {

/// MD5, SHA-256 and SHA-512-256, each also as -sess; qop=auth, or none (RFC 2069). One nonce serves many
/// requests, counted by nc, until the proxy calls it stale.
class DigestAuth final : public AuthScheme {
 public:
  /// `make_cnonce` gives a new random token at each call.
  DigestAuth(Credentials credentials, std::function<std::string()> make_cnonce);

  [[nodiscard]] std::string name() const override { return "Digest"; }
  [[nodiscard]] int strength(const Challenge& challenge) const override;
  void accept(const Challenge& challenge) override;
  std::string authorization(const AuthRequest& request) override;

 private:
  struct Algorithm {
    Hash hash;
    bool session;  // -sess
  };
  static std::optional<Algorithm> algorithm_of(const Challenge& challenge);
  [[nodiscard]] std::string response(const AuthRequest& request, const std::string& cnonce,
                                     const std::string& count) const;

  Credentials credentials_;
  std::function<std::string()> make_cnonce_;
  Challenge challenge_;
  Algorithm algorithm_{Hash::md5, false};
  bool qop_ = false;
  std::uint32_t uses_ = 0;  // of the nonce
};

}  // namespace tfunnel::proxy
