#include "client/up/selection_options.hpp"

#include <grp.h>
#include <net/if.h>
#include <pwd.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "client/up/control_groups.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

// The largest number stands for none.
constexpr std::int64_t most_ids = std::numeric_limits<std::uint32_t>::max() - 1;

std::optional<std::uint32_t> user_named(const std::string& name) {
  const auto* found = ::getpwnam(name.c_str());
  return found != nullptr ? std::optional(found->pw_uid) : std::nullopt;
}

std::optional<std::uint32_t> group_named(const std::string& name) {
  const auto* found = ::getgrnam(name.c_str());
  return found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
}

using FindByName = std::optional<std::uint32_t> (*)(const std::string& name);

// A name may have dashes, but does not begin with a digit.
std::vector<IdRange> ids_of(const std::vector<std::string>& texts, const char* what, FindByName find) {
  std::vector<IdRange> ids;
  for (const auto& text : texts) {
    if (const auto numbers = parse_ids(text)) {
      ids.push_back(*numbers);
    } else if (const auto number = find(text)) {
      ids.push_back({*number, *number});
    } else {
      throw app::UsageError("there is no " + std::string(what) + " " + app::in_quotes(text) +
                            ", and it is no number or range of numbers, such as 1000-1999");
    }
  }
  return ids;
}

/// The path below the mount point; empty: it is none, or not to be read in one way only.
std::string path_below(const std::string& mount, const std::string& text) {
  const bool is_whole = text == mount || text.starts_with(mount + "/");
  auto path = fs::path("/" + (is_whole ? text.substr(mount.size()) : text)).lexically_normal().string();
  if (path.starts_with("//")) path.erase(0, 1);
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

ControlGroup control_group_of(const std::string& text, bool may_come_later) {
  const auto mount = control_groups_mount();
  if (mount.empty())
    throw app::UsageError("--cgroup: control groups of version 2 are not mounted below /sys/fs/cgroup");
  const auto group = name_of_control_group(mount, path_below(mount, text));
  if (!group)
    throw app::UsageError("--cgroup is the path of a group below the topmost one, not " + app::in_quotes(text));
  std::error_code error;
  if (may_come_later || fs::is_directory(directory_of(*group), error)) return *group;
  throw app::UsageError("there is no control group " + app::in_quotes(text) + " (" + directory_of(*group).string() +
                        ")");
}

}  // namespace

bool is_interface_name(std::string_view text) {
  if (text.ends_with('*')) text.remove_suffix(1);
  const auto is_wrong = [](unsigned char c) {
    return c <= ' ' || c == 0x7f || c == '/' || c == ':' || c == '"' || c == '\\' || c == '*';
  };
  return !text.empty() && text.size() < IFNAMSIZ && std::ranges::none_of(text, is_wrong);
}

std::optional<IdRange> parse_ids(std::string_view text) {
  const auto dash = std::min(text.find('-'), text.size());
  const auto first = app::parse_number(text.substr(0, dash), 0, most_ids);
  const auto last = dash == text.size() ? first : app::parse_number(text.substr(dash + 1), 0, most_ids);
  if (!first || !last || *first > *last) return std::nullopt;
  return IdRange{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)};
}

void add_selection(app::po::options_description& description, SelectionOptions& options) {
  auto add = description.add_options();
  const auto is_there = [](std::string_view text) { return !text.empty(); };
  add("uid", app::words_value(options.users, is_there, "a user"),
      "only what programs of this user send goes through the tunnel: a name, a number, or a range (1000-1999); may be "
      "repeated");
  add("gid", app::words_value(options.groups, is_there, "a group"),
      "the same of programs of a group; whoever is named by one of --uid, --gid and --cgroup goes in");
  add("cgroup", app::words_value(options.control_groups, is_there, "a path"),
      "the same of programs in a control group (version 2) or below it, such as /system.slice/web.service");
  add("interface", app::words_value(options.interfaces, is_interface_name, "an interface's name"),
      "only what would leave by this interface goes through the tunnel, and with --forward what comes in by it; * at "
      "the end: any rest; may be repeated");
}

Selection selection_of(const SelectionOptions& options, bool may_come_later) {
  Selection selection;
  selection.interfaces = options.interfaces;
  selection.users = ids_of(options.users, "user", user_named);
  selection.groups = ids_of(options.groups, "group", group_named);
  for (const auto& text : options.control_groups) {
    selection.control_groups.push_back(control_group_of(text, may_come_later));
  }
  selection.has_senders = !selection.users.empty() || !selection.groups.empty() || !selection.control_groups.empty();
  return selection;
}

}  // namespace tfunnel::client
