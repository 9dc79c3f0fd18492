#include "client/run/mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace fs = std::filesystem;

namespace {

constexpr const char* resolv_conf = "/etc/resolv.conf";
// Where our own files are made before they are put into their places: a directory that every system has, and that gets
// new contents right after.
const fs::path workshop = "/proc";
constexpr unsigned long harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC;

void mount_or_throw(const char* source, const fs::path& target, const char* type, unsigned long flags,
                    const char* data) {
  if (::mount(source, target.c_str(), type, flags, data) == 0) return;
  throw boost::system::system_error(io::last_error(), "a mount on " + target.string());
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0444);
}

void make_read_only(const fs::path& mounted) {
  mount_or_throw(nullptr, mounted, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | harmless, nullptr);
}

void mount_empty_directory(const fs::path& target) {
  mount_or_throw("tfunnel", target, "tmpfs", harmless, "size=256k,mode=755");
}

void cover_file(const fs::path& target, const fs::path& with) {
  mount_or_throw(with.c_str(), target, nullptr, MS_BIND, nullptr);
  make_read_only(target);
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  return std::ranges::mismatch(directory, path).in1 == directory.end();
}

/// Without symbolic links, once each, and none below another one; what does not exist needs no hiding.
std::vector<fs::path> real_paths(const std::vector<std::string>& paths) {
  std::vector<fs::path> found;
  for (const auto& path : paths) {
    std::error_code error;
    auto real = fs::canonical(path, error);
    if (!error) found.push_back(std::move(real));
  }
  std::ranges::sort(found);
  std::vector<fs::path> kept;
  for (auto& path : found) {
    if (kept.empty() || !lies_in(path, kept.back())) kept.push_back(std::move(path));
  }
  return kept;
}

/// Where the file is, or would be if its link led anywhere.
fs::path resolver_file() {
  std::error_code error;
  const fs::path file = resolv_conf;
  const auto real = fs::canonical(file, error);
  if (!error) return real;
  const auto link = fs::read_symlink(file, error);
  return error ? file : fs::weakly_canonical(file.parent_path() / link, error);
}

std::string resolver_text(const std::vector<std::string>& nameservers) {
  std::string text = "# made by tfunnel run\n";
  for (const auto& server : nameservers) text += "nameserver " + server + '\n';
  return text;
}

void hide(const fs::path& target, const fs::path& resolver) {
  if (!fs::is_directory(target)) return cover_file(target, workshop / "empty");
  mount_empty_directory(target);
  if (lies_in(resolver, target)) {
    // The daemon that we hide made it here. Programs that know where it keeps the other one find the same.
    fs::create_directories(resolver.parent_path());
    for (const auto* name : {"resolv.conf", "stub-resolv.conf"}) {
      fs::copy_file(workshop / "resolv.conf", resolver.parent_path() / name);
    }
    fs::copy_file(workshop / "resolv.conf", resolver, fs::copy_options::skip_existing);
  }
  make_read_only(target);
}

// A container that masks parts of /proc permits no fresh one; processes outside can be seen then, not touched.
std::vector<std::string> mount_proc() {
  if (::mount("proc", "/proc", "proc", harmless, nullptr) == 0) return {};
  return {"/proc stays that of the system: this looks like a container that masks parts of it"};
}

}  // namespace

std::vector<std::string> set_up_mounts(const MountPlan& plan) {
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  auto hidden = name_service_directories(io::file_contents("/etc/nsswitch.conf"));
  hidden.insert(hidden.end(), plan.hide.begin(), plan.hide.end());
  const auto resolver = resolver_file();
  const auto targets = real_paths(hidden);

  mount_or_throw("tfunnel", workshop, "tmpfs", harmless, "size=256k,mode=755");
  write_file(workshop / "empty", "");
  write_file(workshop / "resolv.conf", resolver_text(plan.nameservers));
  for (const auto& target : targets) hide(target, resolver);
  std::vector<std::string> warnings;
  if (!fs::exists(resolver)) {
    warnings.emplace_back("there is no /etc/resolv.conf, so programs cannot look names up");
  } else if (std::ranges::none_of(targets, [&](const auto& target) { return lies_in(resolver, target); })) {
    cover_file(resolver, workshop / "resolv.conf");
  }
  if (::umount2(workshop.c_str(), MNT_DETACH) != 0) {
    throw boost::system::system_error(io::last_error(), "unmounting our files");
  }
  const auto more = mount_proc();
  warnings.insert(warnings.end(), more.begin(), more.end());
  return warnings;
}

}  // namespace tfunnel::client
