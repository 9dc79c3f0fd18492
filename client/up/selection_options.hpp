// Whose traffic `tfunnel up` captures, as its command line says it.
#pragma once

#include <string>
#include <vector>

#include "client/rules/system_rules.hpp"
#include "common/app/option_values.hpp"

namespace tfunnel::client {

struct SelectionOptions {
  std::vector<std::string> interfaces;
  std::vector<std::string> users;  // a name, a number or a range of numbers each
  std::vector<std::string> groups;
  std::vector<std::string> control_groups;  // paths, with the mount point or below it
};

/// `options` must outlive the parse.
void add_selection(app::po::options_description& description, SelectionOptions& options);

/// Looks up what is named. Throws app::UsageError: there is no such user, group, or, unless they `may_come_later`,
/// control group.
Selection selection_of(const SelectionOptions& options, bool may_come_later);

/// May one be called so? Also with `*` for any rest. Pure.
bool is_interface_name(std::string_view text);

/// "1000" or "1000-1999". None: it is neither, or runs backwards. Pure.
std::optional<IdRange> parse_ids(std::string_view text);

}  // namespace tfunnel::client
