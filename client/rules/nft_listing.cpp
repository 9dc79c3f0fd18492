#include "client/rules/nft_listing.hpp"

#include <nftables/libnftables.h>

#include <boost/json.hpp>
#include <memory>

#include "client/rules/nft.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

// Somebody may change chains while they are listed.
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

/// A command for each chain that is told, as JSON: names may be such as nft(8) would not read.
std::optional<json::array> commands_for(const std::string& chains) {
  boost::system::error_code error;
  const auto told = json::parse(chains, error);
  const auto* list = error || !told.is_object() ? nullptr : told.get_object().if_contains("nftables");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  json::array commands;
  for (const auto& one : list->get_array()) {
    const auto* chain = one.is_object() ? one.get_object().if_contains("chain") : nullptr;
    if (chain == nullptr || !chain->is_object()) continue;
    const auto& object = chain->get_object();
    const auto word = [&](const char* key) { return object.contains(key) ? object.at(key) : json::value(""); };
    const json::object name{{"family", word("family")}, {"table", word("table")}, {"name", word("name")}};
    commands.emplace_back(json::object{{"list", json::object{{"chain", name}}}});
  }
  return commands;
}

// Not the whole ruleset at once: libnftables up to 1.0.6 frees the flag of a table (owner, as of our guard) too early.
std::optional<std::string> try_to_list() {
  Listing listing;
  const auto chains = listing.run("list chains");
  if (!chains) return std::nullopt;
  const auto commands = commands_for(*chains);
  if (!commands || commands->empty()) return commands ? std::optional<std::string>("") : std::nullopt;
  return listing.run(json::serialize(json::object{{"nftables", *commands}}));
}

}  // namespace

// It prints a line of its own, past its buffer, if we may not look: so the kernel is asked before.
std::optional<std::string> chains_json() {
  error_code error;
  generation(error);
  if (error) return std::nullopt;
  for (int i = 0; i < most_tries; ++i) {
    if (auto text = try_to_list()) return text;
  }
  return std::nullopt;
}

}  // namespace tfunnel::client
