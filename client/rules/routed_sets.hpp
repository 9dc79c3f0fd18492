// Capture rules that refuse destinations to which the far end has no route.
#pragma once

#include "common/core/reach.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Fills the sets `routed4` and `routed6` of the nftables table `inet tfunnel`, as examples/rules-nft.sh makes them:
/// what a program here sends to any other address is refused by the rules, before a connection is accepted for the far
/// side. Without such sets, or the right to change them, nothing happens. `log` must outlive it.
class RoutedSets {
 public:
  explicit RoutedSets(const io::Log& log) : log_(log) {}

  /// Also if nothing is new: the rules may be.
  void apply(const core::Reach& reach) const;

 private:
  const io::Log& log_;
};

}  // namespace tfunnel::client
