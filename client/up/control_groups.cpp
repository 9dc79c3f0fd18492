#include "client/up/control_groups.hpp"

#include <algorithm>
#include <sstream>

#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

const std::string where_nftables_looks = "/sys/fs/cgroup";

}  // namespace

std::string control_groups_mount() {
  std::istringstream lines(io::file_contents("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string ignored;
    std::string root;
    std::string point;
    words >> ignored >> ignored >> ignored >> root >> point;
    if (root == "/" && point.starts_with(where_nftables_looks)) return point;
  }
  return {};
}

std::optional<ControlGroup> name_of_control_group(const std::string& mount, const std::string& path) {
  const auto depth = std::ranges::count(path, '/');
  const bool is_simple = path.starts_with('/') && path.find_first_of("\"\n") == std::string::npos;
  if (!is_simple || path == "/" || mount.size() < where_nftables_looks.size()) return std::nullopt;
  return ControlGroup{(mount + path).substr(where_nftables_looks.size() + 1), static_cast<unsigned>(depth)};
}

std::vector<ControlGroup> present(std::vector<ControlGroup> groups) {
  std::erase_if(groups, [](const ControlGroup& group) {
    std::error_code error;
    return !std::filesystem::is_directory(directory_of(group), error);
  });
  return groups;
}

std::filesystem::path directory_of(const ControlGroup& group) {
  return std::filesystem::path(where_nftables_looks) / group.path;
}

}  // namespace tfunnel::client
