#include "client/doctor/ruleset.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

#include "common/io/json_words.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

std::int64_t whole_number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

// Of a chain that is no base chain hook, priority and policy are missing.
void take_chain(Ruleset& all, const json::object& told) {
  all.chains.push_back({io::word(told, "family"),
                        io::word(told, "table"),
                        io::word(told, "name"),
                        io::word(told, "hook"),
                        whole_number(told, "prio"),
                        io::word(told, "policy") == "drop",
                        {}});
}

// Chains are told before their rules.
void take_rule(Ruleset& all, const json::object& told) {
  const auto* parts = told.if_contains("expr");
  const auto name = io::word(told, "chain");
  const auto found = std::ranges::find_if(all.chains, [&](const auto& chain) {
    return chain.name == name && chain.table == io::word(told, "table") && chain.family == io::word(told, "family");
  });
  if (found == all.chains.end() || parts == nullptr || !parts->is_array()) return;
  found->rules.push_back({whole_number(told, "handle"), parts->get_array()});
}

/// False: it is none.
bool take_document(Ruleset& all, const std::string& text) {
  boost::system::error_code error;
  const auto whole = json::parse(text, error);
  const auto* list = error || !whole.is_object() ? nullptr : whole.get_object().if_contains("nftables");
  if (list == nullptr || !list->is_array()) return false;
  for (const auto& one : list->get_array()) {
    if (!one.is_object()) continue;
    const auto take = [&](const char* kind, const auto& into) {
      const auto* told = one.get_object().if_contains(kind);
      if (told != nullptr && told->is_object()) into(all, told->get_object());
    };
    take("chain", take_chain);
    take("rule", take_rule);
  }
  return true;
}

}  // namespace

const NftChain* Ruleset::find(std::string_view family, std::string_view table, std::string_view chain) const {
  const auto found = std::ranges::find_if(
      chains, [&](const auto& one) { return one.name == chain && one.table == table && one.family == family; });
  return found == chains.end() ? nullptr : &*found;
}

bool Ruleset::has_table(std::string_view family, std::string_view table) const {
  return std::ranges::any_of(chains, [&](const auto& one) { return one.table == table && one.family == family; });
}

std::optional<Ruleset> parse_ruleset(std::string_view text) {
  Ruleset all;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (!take_document(all, line)) return std::nullopt;
  }
  return all;
}

}  // namespace tfunnel::client
