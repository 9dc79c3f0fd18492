#include "client/up/link_control_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "common/io/descriptor.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

const std::string where_nftables_looks = "/sys/fs/cgroup";
const std::string own_name = "/tfunnel-up";
// One of others may be removed just when it is entered.
constexpr int most_tries = 5;

/// Where version 2 is mounted as a whole; see proc(5). Empty: nowhere that is of use.
std::string mount_point() {
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

/// This process's group, as a path below the mount point; the topmost one is empty.
std::optional<std::string> own_path() {
  std::istringstream lines(io::file_contents("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) return line == "0::/" ? "" : line.substr(3);
  }
  return std::nullopt;
}

bool move_to(const std::string& directory) {
  const io::Descriptor file(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() && ::write(file.get(), "0", 1) == 1;
}

}  // namespace

struct LinkControlGroup::Place {
  std::string parent;
  ControlGroup name;
};

// Characters that nftables would read as something else do not occur in names that systemd gives.
std::optional<LinkControlGroup::Place> LinkControlGroup::place() {
  const auto mount = mount_point();
  const auto path = own_path();
  if (mount.empty() || !path || path->find_first_of("\"\n") != std::string::npos) return std::nullopt;
  const auto above = path->ends_with(own_name) ? path->substr(0, path->size() - own_name.size()) : *path;
  const auto whole = mount + above + own_name;
  const auto depth = std::ranges::count(above, '/') + 1;
  return Place{mount + above, {whole.substr(where_nftables_looks.size() + 1), static_cast<unsigned>(depth)}};
}

std::optional<LinkControlGroup> LinkControlGroup::enter() {
  const auto found = place();
  if (!found) return std::nullopt;
  const auto directory = found->parent + own_name;
  for (int i = 0; i < most_tries; ++i) {
    ::mkdir(directory.c_str(), 0755);
    if (move_to(directory)) return LinkControlGroup(found->parent, found->name);
  }
  remove_left();
  return std::nullopt;
}

LinkControlGroup::LinkControlGroup(LinkControlGroup&& other) noexcept
    : parent_(std::exchange(other.parent_, {})), name_(std::move(other.name_)) {}

LinkControlGroup::~LinkControlGroup() {
  if (!parent_.empty() && move_to(parent_)) ::rmdir((parent_ + own_name).c_str());
}

void LinkControlGroup::remove_left() {
  if (const auto found = place()) ::rmdir((found->parent + own_name).c_str());
}

}  // namespace tfunnel::client
