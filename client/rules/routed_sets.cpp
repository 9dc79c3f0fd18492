#include "client/rules/routed_sets.hpp"

#include "client/capture/routed_networks.hpp"
#include "client/rules/nft.hpp"
#include "client/rules/set_elements.hpp"

namespace tfunnel::client {

// All in one transaction, or nothing.
void RoutedSets::apply(const core::Reach& reach) const {
  const auto text = replace_elements("tfunnel", "routed4", routed_networks(reach, true)) +
                    replace_elements("tfunnel", "routed6", routed_networks(reach, false));
  if (const auto fault = Nft().run(text)) {
    log_.debug("no rules refuse destinations that the far end has no route to", {{"why", *fault}});
  }
}

}  // namespace tfunnel::client
