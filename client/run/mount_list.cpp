#include "client/run/mount_list.hpp"

#include <sstream>

namespace tfunnel::client {

namespace {

/// Spaces and the like stand there as three octal digits behind a backslash.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size();
    plain += escaped ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    if (escaped) i += 3;
  }
  return plain;
}

}  // namespace

std::vector<Mount> list_of_mounts(std::string_view mountinfo) {
  std::vector<Mount> all;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Mount mount;
    std::string skipped;
    words >> mount.number >> skipped >> skipped >> skipped >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    if (words >> mount.type) all.push_back({mount.number, unescaped(mount.point), mount.type});
  }
  return all;
}

}  // namespace tfunnel::client
