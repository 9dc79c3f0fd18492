#include "proxy/auth/authenticator.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <random>

#include "proxy/auth/auth_basic.hpp"
#include "proxy/auth/auth_context.hpp"
#include "proxy/auth/auth_digest.hpp"

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
    : credentials_(credentials), host_(host), make_context_(make_context) {
  make_schemes();
}

void Authenticator::make_schemes() {
  if (make_context_) {
    for (const auto mechanism : {Mechanism::spnego, Mechanism::ntlm})
      schemes_.push_back(std::make_unique<ContextAuth>(mechanism, make_context_, host_, credentials_));
  }
  if (!credentials_) return;
  schemes_.push_back(std::make_unique<DigestAuth>(*credentials_, random_token));
  schemes_.push_back(std::make_unique<BasicAuth>(*credentials_));
}

void Authenticator::renew(const std::string& password) {
  if (!credentials_) return;
  credentials_->password = password;
  std::ranges::move(schemes_, std::back_inserter(former_));
  schemes_.clear();
  chosen_ = nullptr;
  make_schemes();
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
  chosen_ = best.scheme;
  return best;
}

void Authenticator::forget(const AuthScheme* scheme) {
  if (chosen_ == scheme) chosen_ = nullptr;
}

}  // namespace tfunnel::proxy
