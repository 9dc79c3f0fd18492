#include "client/rules/nft.hpp"

#include <nftables/libnftables.h>

#include "common/app/options.hpp"

namespace tfunnel::client {

Nft::Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free) {
  if (context_) nft_ctx_buffer_error(context_.get());
}

Nft::~Nft() = default;

std::optional<std::string> Nft::run(const std::string& input) {
  if (!context_) return "libnftables does not start";
  if (nft_run_cmd_from_buffer(context_.get(), input.c_str()) == 0) return std::nullopt;
  return std::string(nft_ctx_get_error_buffer(context_.get()));
}

std::optional<std::string> Nft::check(const std::string& input) {
  if (context_) nft_ctx_set_dry_run(context_.get(), true);
  auto fault = run(input);
  if (context_) nft_ctx_set_dry_run(context_.get(), false);
  return fault;
}

void fail_with(const std::string& fault, const std::string& what) {
  if (fault.find("Operation not permitted") != std::string::npos) {
    throw boost::system::system_error(make_error_code(boost::system::errc::operation_not_permitted), "changing rules");
  }
  throw app::UsageError(what + ": " + fault, io::ExitStatus::os_error);
}

}  // namespace tfunnel::client
