// The options that say who may be reached.
#pragma once

#include "common/app/options.hpp"
#include "proxy/access/gate.hpp"

namespace tfunnel::proxy {

struct AccessOptions {
  AccessRules rules;
  FarLoopback loopback;
  bool names_loopback = false;  // its address was given

  /// `resolver`: what our own resolver is asked at.
  [[nodiscard]] Gate gate(std::set<core::Address> resolver = {}) const {
    return {rules, loopback, std::move(resolver)};
  }
};

/// --allow and --deny (one list, in the order in which they are given), --far-loopback and its address. `options` must
/// outlive the parse, which throws app::UsageError for a text that makes no sense.
app::po::options_description access_description(AccessOptions& options);

/// Throws app::UsageError for what makes no sense together.
void check(const AccessOptions& options);

}  // namespace tfunnel::proxy
