#include "client/run/namespace_facts.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/run/mount_list.hpp"
#include "common/app/options.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

std::optional<long> setting(const std::string& path) {
  long value = 0;
  if (std::ifstream(path) >> value) return value;
  return std::nullopt;
}

bool has_proc() {
  struct statfs system {};
  return ::statfs("/proc", &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

// Without /proc it is what was typed.
std::string program() {
  std::error_code error;
  const auto link = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) return link.string();
  const auto* started_as = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return started_as != nullptr ? started_as : "tfunnel";
}

/// The number of the mount that lies on /; empty: there is none.
std::string root_mount(const std::vector<Mount>& mounts) {
  std::string found;
  for (const auto& mount : mounts) {
    if (mount.point == "/") found = mount.number;
  }
  return found;
}

bool lies_elsewhere(const std::string& wanted, const std::vector<Mount>& mounts) {
  return std::ranges::any_of(mounts, [&](const Mount& mount) { return mount.number == wanted && mount.point != "/"; });
}

// Our root is no mount at all, or process 1 sees that mount somewhere below its own root.
bool is_in_chroot() {
  struct statx status {};
  const bool told = ::statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
                    (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
  if (told && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return true;
  const auto ours = root_mount(list_of_mounts(io::file_contents("/proc/self/mountinfo")));
  return !ours.empty() && lies_elsewhere(ours, list_of_mounts(io::file_contents("/proc/1/mountinfo")));
}

bool is_in_container() {
  std::error_code error;
  return std::filesystem::exists("/.dockerenv", error) || std::filesystem::exists("/run/.containerenv", error) ||
         std::getenv("container") != nullptr;
}

std::optional<bool> is_filtered() {
  const int mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  return mode < 0 ? std::nullopt : std::optional(mode != 0);
}

std::string confining_profile() {
  if (io::first_line("/sys/module/apparmor/parameters/enabled") != "Y") return "";
  auto label = io::first_line("/proc/self/attr/apparmor/current");
  if (label.empty()) label = io::first_line("/proc/self/attr/current");
  const auto mode = label.find(" (enforce)");
  return mode == std::string::npos ? "" : label.substr(0, mode);
}

/// Which of the namespaces that we need is the one too many, by making one after the other in a process for it.
std::string exhausted_kind() {
  struct Kind {
    int flag;
    const char* name;
  };
  constexpr Kind kinds[] = {
      {CLONE_NEWUSER, "user"}, {CLONE_NEWNS, "mnt"}, {CLONE_NEWNET, "net"}, {CLONE_NEWPID, "pid"}};
  const auto pid = ::fork();
  if (pid == 0) {
    int made = 0;
    for (const auto& kind : kinds) {
      if (::unshare(kind.flag) != 0) break;
      ++made;
    }
    ::_exit(made);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return "user";
  const auto made = static_cast<std::size_t>(WEXITSTATUS(status));
  return made < std::size(kinds) ? kinds[made].name : "user";
}

std::optional<long> process_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<long>(limit.rlim_cur);
}

/// Of this process's control group, or one above it, if there is no room in it. Version 2 only.
std::optional<long> full_group_limit() {
  std::string line;
  for (std::ifstream groups("/proc/self/cgroup"); std::getline(groups, line) && !line.starts_with("0::/");) {
  }
  if (!line.starts_with("0::/")) return std::nullopt;
  for (std::filesystem::path path = line.substr(3); path.has_relative_path(); path = path.parent_path()) {
    const auto directory = "/sys/fs/cgroup" + path.string();
    const auto most = setting(directory + "/pids.max");
    if (most && setting(directory + "/pids.current").value_or(0) >= *most) return most;
  }
  return std::nullopt;
}

}  // namespace

NamespaceFacts look_at_facts(int error, bool made) {
  NamespaceFacts facts;
  facts.unprivileged_userns_clone = setting("/proc/sys/kernel/unprivileged_userns_clone");
  facts.apparmor_restrict_unprivileged_userns = setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  facts.max_user_namespaces = setting("/proc/sys/user/max_user_namespaces");
  facts.in_container = is_in_container();
  facts.program = program();
  facts.made = made;
  facts.has_proc = has_proc();
  facts.in_chroot = !made && is_in_chroot();
  facts.filtered = is_filtered();
  facts.apparmor_profile = confining_profile();
  facts.selinux_enforces = io::first_line("/sys/fs/selinux/enforce") == "1";
  facts.most_processes = process_limit();
  facts.most_in_group = error == EAGAIN ? full_group_limit() : std::nullopt;
  if (error == ENOSPC && !made) facts.exhausted = exhausted_kind();
  facts.most_namespaces = setting("/proc/sys/user/max_" + facts.exhausted + "_namespaces");
  return facts;
}

// EX_OSERR of sysexits.h is what "can't fork" is.
void refuse(const std::string& what, int error) {
  const auto status = error == EAGAIN ? io::ExitStatus::os_error : io::ExitStatus::no_permission;
  throw app::UsageError::in_lines(explain_refusal(what, error, look_at_facts(error, false)), status);
}

}  // namespace tfunnel::client
