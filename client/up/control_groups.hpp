// Control groups of version 2 (cgroups(7)), as rules know them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

/// Where version 2 is mounted as a whole, and where nftables looks for it; see proc(5). Empty: nowhere that is of use.
std::string control_groups_mount();

/// What nftables calls the group of that path below the mount point, which may not be there: "/user.slice" say. None:
/// no rule can name it, since it is the topmost one, or has characters that nftables would read as something else.
std::optional<ControlGroup> name_of_control_group(const std::string& mount, const std::string& path);

/// Those that there are. Rules cannot name another one.
std::vector<ControlGroup> present(std::vector<ControlGroup> groups);

/// Its directory.
std::filesystem::path directory_of(const ControlGroup& group);

}  // namespace tfunnel::client
