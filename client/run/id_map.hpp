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

/// What stands in uid_map and gid_map.
struct IdMaps {
  std::string users;
  std::string groups;
};

/// One write(2), as the kernel wants it, to a file of a process's directory. `path` counts from the open directory.
/// False: errno tells.
bool write_id_map(int directory, const std::string& path, const std::string& text);

}  // namespace tfunnel::client
