// Which user and group ids exist in the namespace of `tfunnel run`: the same as outside.
#pragma once

#include <string>
#include <string_view>

namespace tfunnel::client {

/// `map` is /proc/self/uid_map or gid_map (user_namespaces(7)): three columns, the first of which is the id here.
/// Returns what a child namespace in which every id means the same needs. Empty if `map` has no line.
std::string identity_map(std::string_view map);

/// The map of one id to itself, which needs no privilege.
std::string single_id_map(unsigned id);

}  // namespace tfunnel::client
