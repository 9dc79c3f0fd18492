#include "proxy/authenticator.hpp"

#include <array>
#include <cstdio>
#include <random>

#include "proxy/auth_basic.hpp"
#include "proxy/auth_context.hpp"
#include "proxy/auth_digest.hpp"

namespace tfunnel::proxy {

namespace {

/// 128 random bits.
std::string random_token() {
  std::random_device device;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", device(), device(), device(), device());
  return text.data();
}

}  // namespace

Authenticator::Authenticator(const std::optional<Credentials>& credentials, const std::string& host,
                             const MakeSecurityContext& make_context)
    : has_password_(credentials.has_value()) {
  if (make_context) {
    for (const auto mechanism : {Mechanism::spnego, Mechanism::ntlm})
      schemes_.push_back(std::make_unique<ContextAuth>(mechanism, make_context, host, credentials));
  }
  if (!credentials) return;
  schemes_.push_back(std::make_unique<DigestAuth>(*credentials, random_token));
  schemes_.push_back(std::make_unique<BasicAuth>(*credentials));
}

Authenticator::Choice Authenticator::choose(const std::vector<Challenge>& challenges,
                                            const std::set<const AuthScheme*>& without) {
  Choice best;
  int most = 0;
  for (const auto& challenge : challenges) {
    for (const auto& candidate : schemes_) {
      const auto strength = candidate->strength(challenge);
      if (strength <= most || without.contains(candidate.get())) continue;
      most = strength;
      best = {&challenge, candidate.get()};
    }
  }
  if (best.scheme == nullptr) return best;
  best.scheme->accept(*best.challenge);
  chosen_ = best.scheme;
  return best;
}

void Authenticator::forget(const AuthScheme* scheme) {
  if (chosen_ == scheme) chosen_ = nullptr;
}

}  // namespace tfunnel::proxy
