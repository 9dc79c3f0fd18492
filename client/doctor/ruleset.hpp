// The packet filter of this machine, taken apart. Pure.
#pragma once

#include <boost/json/array.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tfunnel::client {

struct NftRule {
  std::int64_t handle = 0;
  boost::json::array parts;  // as libnftables-json(5) has them
};

struct NftChain {
  std::string family;
  std::string table;
  std::string name;
  std::string hook;  // empty: others jump to it
  std::int64_t priority = 0;
  bool drops = false;  // what comes to its end
  std::vector<NftRule> rules;

  [[nodiscard]] bool is_base() const { return !hook.empty(); }
};

struct Ruleset {
  std::vector<NftChain> chains;

  /// Has it chains?
  [[nodiscard]] bool has_table(std::string_view family, std::string_view table) const;
  /// None: there is no such chain.
  [[nodiscard]] const NftChain* find(std::string_view family, std::string_view table, std::string_view chain) const;
};

/// What libnftables lists, a document on each line; nothing if one of them is none.
std::optional<Ruleset> parse_ruleset(std::string_view text);

}  // namespace tfunnel::client
