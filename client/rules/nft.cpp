#include "client/rules/nft.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>

#include "client/rules/netlink_request.hpp"
#include "common/app/options.hpp"
#include "common/io/netlink_attributes_linux.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

constexpr const char* no_permission = "Operation not permitted";

// libnftables prints a line of its own about that, past its buffer.
bool may_change_rules() {
  error_code error;
  generation(error);
  return error != boost::system::errc::operation_not_permitted;
}

}  // namespace

Nft::Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free), is_permitted_(may_change_rules()) {
  if (context_) nft_ctx_buffer_error(context_.get());
}

Nft::~Nft() = default;

std::optional<std::string> Nft::run(const std::string& input) {
  if (!context_) return "libnftables does not start";
  if (!is_permitted_) return no_permission;
  if (nft_run_cmd_from_buffer(context_.get(), input.c_str()) == 0) return std::nullopt;
  return std::string(nft_ctx_get_error_buffer(context_.get()));
}

std::optional<std::string> Nft::check(const std::string& input) {
  if (context_) nft_ctx_set_dry_run(context_.get(), true);
  auto fault = run(input);
  if (context_) nft_ctx_set_dry_run(context_.get(), false);
  return fault;
}

bool is_there(const char* table) { return !Nft().check("delete table inet " + std::string(table)); }

std::optional<std::uint32_t> generation(error_code& error) {
  NetlinkRequest request("the packet filter", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0);
  request.header().nlmsg_flags = NLM_F_REQUEST;  // an acknowledgement would be a second answer
  request.body<nfgenmsg>().version = NFNETLINK_V0;
  std::optional<std::uint32_t> found;
  error = io::NetlinkSocket(NETLINK_NETFILTER).ask(request.header(), [&](const nlmsghdr& answer) {
    const io::Attributes<nfgenmsg> told(answer);
    if (told.has(NFTA_GEN_ID)) found = static_cast<std::uint32_t>(io::in_network_order(told.bytes(NFTA_GEN_ID)));
  });
  return error ? std::nullopt : found;
}

void fail_with(const std::string& fault, const std::string& what) {
  if (fault.find(no_permission) != std::string::npos) {
    throw boost::system::system_error(make_error_code(boost::system::errc::operation_not_permitted), "changing rules");
  }
  throw app::UsageError(what + ": " + fault, io::ExitStatus::os_error);
}

}  // namespace tfunnel::client
