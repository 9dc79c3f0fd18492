#include "proxy/authenticator.hpp"

#include <array>
#include <cstdio>
#include <random>

#include "proxy/auth_basic.hpp"
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

Authenticator::Authenticator(const std::optional<Credentials>& credentials) {
  if (!credentials) return;
  schemes_.push_back(std::make_unique<DigestAuth>(*credentials, random_token));
  schemes_.push_back(std::make_unique<BasicAuth>(*credentials));
}

const Challenge* Authenticator::choose(const std::vector<Challenge>& challenges) {
  const Challenge* best = nullptr;
  AuthScheme* scheme = nullptr;
  int most = 0;
  for (const auto& challenge : challenges) {
    for (const auto& candidate : schemes_) {
      const auto strength = candidate->strength(challenge);
      if (strength <= most) continue;
      most = strength;
      best = &challenge;
      scheme = candidate.get();
    }
  }
  if (best == nullptr) return nullptr;
  scheme->accept(*best);
  chosen_ = scheme;
  return best;
}

std::string Authenticator::authorization(const AuthRequest& request) {
  return chosen_ == nullptr ? std::string() : chosen_->authorization(request);
}

}  // namespace tfunnel::proxy
