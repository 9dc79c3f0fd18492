// The options that say who may be reached.
#pragma once

#include "common/app/options.hpp"
#include "proxy/access/gate.hpp"

namespace tfunnel::proxy {

struct AccessOptions {
  AccessRules rules;
  FarLoopback loopback;

  [[nodiscard]] Gate gate() const { return {rules, loopback}; }
};

/// --allow and --deny (one list, in the order in which they are given), --far-loopback and its address. `options` must
/// outlive the parse, which throws app::UsageError for a text that makes no sense.
app::po::options_description access_description(AccessOptions& options);

}  // namespace tfunnel::proxy
