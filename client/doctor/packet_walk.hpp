// A packet followed through somebody else's rules. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/doctor/ruleset.hpp"
#include "client/doctor/specimen.hpp"

namespace tfunnel::client {

/// What is certain to happen to it.
struct Trouble {
  enum class Kind { dropped, lost_mark };

  Kind kind = Kind::dropped;
  const NftChain* base = nullptr;   // where it came in; of the ruleset
  const NftChain* chain = nullptr;  // where it happens
  std::int64_t handle = 0;          // of the rule; 0: it is the chain's policy
};

/// All base chains of the hook that packets of this family come through, in their order, but for those of `tables`.
/// Chains of one priority may stand in any order. The pointers are into `all`.
std::vector<const NftChain*> chains_at(const Ruleset& all, const std::string& hook, bool is_v4,
                                       const std::vector<std::string>& but_of);

/// Through one of them; `packet` has its mark as it is then. Rules that may match or not hurt nobody.
std::optional<Trouble> walk(const Ruleset& all, const NftChain& base, Specimen& packet);

}  // namespace tfunnel::client
