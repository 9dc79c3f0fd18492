#include "client/up/link_control_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <utility>

#include "client/up/control_groups.hpp"
#include "common/io/descriptor.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

const std::string own_name = "/tfunnel-up";
// One of others may be removed just when it is entered.
constexpr int most_removals = 5;

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

std::optional<LinkControlGroup::Place> LinkControlGroup::place() {
  const auto mount = control_groups_mount();
  const auto path = own_path();
  if (mount.empty() || !path) return std::nullopt;
  const auto above = path->ends_with(own_name) ? path->substr(0, path->size() - own_name.size()) : *path;
  const auto name = name_of_control_group(mount, above + own_name);
  return name ? std::optional(Place{mount + above, *name}) : std::nullopt;
}

std::optional<LinkControlGroup> LinkControlGroup::enter() {
  const auto found = place();
  if (!found) return std::nullopt;
  const auto directory = found->parent + own_name;
  for (int i = 0; i < most_removals; ++i) {
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
