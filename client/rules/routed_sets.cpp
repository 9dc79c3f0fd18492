#include "client/rules/routed_sets.hpp"

#include <nftables/libnftables.h>

#include <memory>
#include <string>

#include "client/capture/routed_networks.hpp"

namespace tfunnel::client {

namespace {

/// nft(8) input: the set has these elements and no others.
std::string replace_elements(const std::string& set, const core::Reach::Networks& networks) {
  std::string elements;
  for (const auto& network : networks) {
    elements += (elements.empty() ? "" : ", ") + network.first.text() + "/" + std::to_string(network.prefix());
  }
  return "flush set inet tfunnel " + set + "\nadd element inet tfunnel " + set + " { " + elements + " }\n";
}

}  // namespace

// All in one transaction, or nothing.
void RoutedSets::apply(const core::Reach& reach) const {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> nft(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!nft) return;
  nft_ctx_buffer_error(nft.get());
  const auto text = replace_elements("routed4", routed_networks(reach, true)) +
                    replace_elements("routed6", routed_networks(reach, false));
  if (nft_run_cmd_from_buffer(nft.get(), text.c_str()) == 0) return;
  log_.debug("no rules refuse destinations that the far end has no route to",
             {{"why", nft_ctx_get_error_buffer(nft.get())}});
}

}  // namespace tfunnel::client
