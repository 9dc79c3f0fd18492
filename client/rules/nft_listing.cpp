#include "client/rules/nft_listing.hpp"

#include <nftables/libnftables.h>

#include <memory>

#include "client/rules/nft.hpp"

namespace tfunnel::client {

// It prints a line of its own, past its buffer, if we may not look: so the kernel is asked before.
std::optional<std::string> ruleset_json() {
  error_code error;
  generation(error);
  if (error) return std::nullopt;
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context) return std::nullopt;
  nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_TERSE);
  if (nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) return std::nullopt;
  if (nft_run_cmd_from_buffer(context.get(), "list ruleset") != 0) return std::nullopt;
  const char* text = nft_ctx_get_output_buffer(context.get());
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace tfunnel::client
