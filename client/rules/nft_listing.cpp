#include "client/rules/nft_listing.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>

#include <bit>
#include <boost/json.hpp>
#include <memory>
#include <vector>

#include "client/rules/netlink_request.hpp"
#include "client/rules/nft.hpp"
#include "common/io/json_words.hpp"
#include "common/io/netlink_attributes_linux.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

// Somebody may change tables while they are listed.
constexpr int most_tries = 5;

class Listing {
 public:
  Listing() : context_(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free) {
    if (!context_) return;
    nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_TERSE);
    is_ready_ = nft_ctx_buffer_output(context_.get()) == 0 && nft_ctx_buffer_error(context_.get()) == 0;
  }

  /// What it prints.
  std::optional<std::string> run(const std::string& input) {
    if (!is_ready_ || nft_run_cmd_from_buffer(context_.get(), input.c_str()) != 0) return std::nullopt;
    const char* text = nft_ctx_get_output_buffer(context_.get());
    return text == nullptr ? std::nullopt : std::optional<std::string>(text);
  }

 private:
  std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context_;
  bool is_ready_ = false;
};

struct Table {
  std::string family;
  std::string name;
  std::uint32_t flags = 0;  // in whatever order of bytes
};

const char* family_name(std::uint8_t family) {
  return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "";
}

/// Those of IP.
std::optional<std::vector<Table>> list_tables() {
  NetlinkRequest request("the packet filter", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0);
  request.body<nfgenmsg>().version = NFNETLINK_V0;
  std::vector<Table> tables;
  const auto error = io::NetlinkSocket(NETLINK_NETFILTER).list(request.header(), [&](const nlmsghdr& message) {
    const io::Attributes<nfgenmsg> told(message);
    const Table table{family_name(told.body().nfgen_family), std::string(told.text(NFTA_TABLE_NAME)),
                      told.number(NFTA_TABLE_FLAGS)};
    if (!table.family.empty()) tables.push_back(table);
    return true;
  });
  return error ? std::nullopt : std::optional(tables);
}

/// As JSON: names may be such as nft(8) would not read.
std::string list_command(const char* what, const json::object& name) {
  const json::value command{{"list", {{what, name}}}};
  return json::serialize(json::object{{"nftables", json::array{command}}});
}

/// The names of a table's chains, of a list of all.
std::vector<std::string> chains_of(const Table& table, const std::string& all) {
  std::vector<std::string> names;
  boost::system::error_code error;
  const auto told = json::parse(all, error);
  const auto* list = error || !told.is_object() ? nullptr : told.get_object().if_contains("nftables");
  if (list == nullptr || !list->is_array()) return names;
  for (const auto& one : list->get_array()) {
    const auto* chain = one.is_object() ? one.get_object().if_contains("chain") : nullptr;
    if (chain == nullptr || !chain->is_object()) continue;
    const auto& object = chain->get_object();
    if (io::word(object, "family") == table.family && io::word(object, "table") == table.name) {
      names.push_back(io::word(object, "name"));
    }
  }
  return names;
}

// libnftables up to 1.0.6 frees the flag of a table that has one (owner, as our guard) before it has written it: of
// such a table the chains are listed without it.
std::optional<std::string> list_table(Listing& listing, const Table& table) {
  if (!std::has_single_bit(table.flags)) {
    return listing.run(list_command("table", {{"family", table.family}, {"name", table.name}}));
  }
  const auto chains = listing.run("list chains");
  if (!chains) return std::nullopt;
  std::string text;
  for (const auto& name : chains_of(table, *chains)) {
    const auto more =
        listing.run(list_command("chain", {{"family", table.family}, {"table", table.name}, {"name", name}}));
    if (!more) return std::nullopt;
    text += *more;
  }
  return text;
}

std::optional<std::string> try_to_list() {
  Listing listing;
  const auto tables = list_tables();
  if (!tables) return std::nullopt;
  std::string text;
  for (const auto& table : *tables) {
    const auto more = list_table(listing, table);
    if (!more) return std::nullopt;
    text += *more;
  }
  return text;
}

}  // namespace

// It prints a line of its own, past its buffer, if we may not look: so the kernel is asked before.
std::optional<std::string> rules_json() {
  error_code error;
  generation(error);
  if (error) return std::nullopt;
  for (int i = 0; i < most_tries; ++i) {
    if (auto text = try_to_list()) return text;
  }
  return std::nullopt;
}

}  // namespace tfunnel::client
