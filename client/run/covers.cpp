#include "client/run/covers.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "client/run/kernel_settings.hpp"
#include "client/run/mount_calls.hpp"
#include "client/run/outside_services.hpp"
#include "client/run/paths.hpp"
#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace fs = std::filesystem;

namespace {

constexpr const char* resolv_conf = "/etc/resolv.conf";
// Our own files, below a directory that every system has, and that gets other contents on top right after: there they
// stay, and nobody else sees them. They are named relative to our working directory.
constexpr const char* workshop = "/proc";
constexpr const char* empty_file = "empty";
constexpr const char* resolver_copy = "resolv.conf";

[[noreturn]] void fail(const std::string& what) { throw boost::system::system_error(io::last_error(), what); }

/// Where the file is, or would be if its link led anywhere.
fs::path resolver_file() {
  std::error_code error;
  const fs::path file = resolv_conf;
  auto real = fs::canonical(file, error);
  if (!error) return real;
  const auto link = fs::read_symlink(file, error);
  return error ? file : fs::weakly_canonical(file.parent_path() / link, error);
}

std::string resolver_text(const std::vector<std::string>& nameservers) {
  std::string text = "# made by tfunnel run\n";
  for (const auto& server : nameservers) text += "nameserver " + server + '\n';
  return text;
}

dev_t device_of(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) fail(path.string());
  return facts.st_dev;
}

io::Descriptor make_file(const char* name, const std::string& text) {
  io::Descriptor file(::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  // Independent of the umask.
  if (!file.is_open() || ::fchmod(file.get(), 0444) != 0 ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail(name);
  return file;
}

// open_tree(2) and move_mount(2) by their numbers: C libraries have them only since lately. The constants are
// OPEN_TREE_CLONE, AT_RECURSIVE and MOVE_MOUNT_F_EMPTY_PATH.
constexpr unsigned copy_mount = 1;
constexpr unsigned with_submounts = 0x8000;
constexpr unsigned source_is_descriptor = 4;

/// The mounts at and below the path, not attached anywhere; -1 if the kernel does not give it.
int open_copy(const char* path) {
  const unsigned flags = copy_mount | with_submounts | O_CLOEXEC;
  return static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path, flags));
}

/// A container that masks parts of /proc permits no fresh one. Then the old one comes on top again: processes outside
/// can be seen, not touched.
std::vector<std::string> mount_proc(const io::Descriptor& old) {
  if (::mount("proc", workshop, "proc", harmless_mount(), nullptr) == 0) return {};
  if (!old.is_open() || ::syscall(SYS_move_mount, old.get(), "", AT_FDCWD, workshop, source_is_descriptor) != 0) {
    // Our files go with it. A directory can still be covered anew.
    if (::umount2(workshop, MNT_DETACH) != 0) fail("unmounting our files");
  }
  return {"/proc stays that of the system: this looks like a container that masks parts of it"};
}

/// Between two looks: it comes again, and is looked at then.
bool has_gone(const std::error_code& error) {
  const auto is = [&](std::errc code) { return error == code; };
  return is(std::errc::no_such_file_or_directory) || is(std::errc::not_a_directory) ||
         is(std::errc::too_many_symbolic_link_levels);
}

}  // namespace

Covers::Covers(const MountPlan& plan, const CheckedFiles& checked)
    : resolver_text_(resolver_text(plan.nameservers)), copies_(checked) {
  hidden_ = name_service_directories(io::file_contents("/etc/nsswitch.conf"));
  const auto services = outside_services(own_runtime_directory(), plan.show);
  hidden_.insert(hidden_.end(), services.begin(), services.end());
  hidden_.insert(hidden_.end(), plan.hide.begin(), plan.hide.end());
  std::ranges::sort(hidden_);
}

// Shared, but a slave of those outside: nothing gets out, and what is covered anew is so in the mount namespaces too
// that programs make from this one.
std::vector<std::string> Covers::set_up() {
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr);
  const io::Descriptor old(open_copy(workshop));
  make_files();
  cover_all();
  copies_.update();
  std::vector<std::string> warnings;
  if (std::error_code error; !fs::is_regular_file(resolv_conf, error)) {
    warnings.emplace_back("/etc/resolv.conf is no file, so programs cannot look names up");
  }
  const auto more = mount_proc(old);
  warnings.insert(warnings.end(), more.begin(), more.end());
  protect_kernel_settings();
  mounts_ = io::Descriptor(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  return warnings;
}

void Covers::make_files() {
  mount_or_throw("tfunnel", workshop, "tmpfs", harmless_mount(), "size=4m,mode=755");
  if (::chdir(workshop) != 0) fail(workshop);
  files_ = device_of(".");
  make_file(empty_file, "");
  resolver_ = make_file(resolver_copy, resolver_text_);
}

// In place: the mounts show this very file.
void Covers::complete_resolver(std::string_view lines) {
  const auto size = static_cast<ssize_t>(lines.size());
  [[maybe_unused]] const bool written = ::write(resolver_.get(), lines.data(), lines.size()) == size;
}

// The copies come last: whatever they are asked for, what is ours stays. They hide nothing, so that one cannot be made
// is no reason to end: a program that misses it says so.
bool Covers::look() {
  try {
    cover_all();
  } catch (const boost::system::system_error& error) {
    return has_gone(error.code());
  } catch (const fs::filesystem_error& error) {
    return has_gone(error.code());
  }
  try {
    copies_.update();
  } catch (const boost::system::system_error&) {
  } catch (const fs::filesystem_error&) {
  }
  return true;
}

bool Covers::look_at_paths() { return !watch_.concerns_us() || look(); }

// The watch comes before the look, so that nothing is missed in between.
void Covers::cover_all() {
  watch_.begin();
  const auto resolver = resolver_file();
  for (const auto& path : hidden_) {
    watch_.add(path);
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (!error && !is_covered(real)) cover(real, resolver);
  }
  watch_.add(resolv_conf);
  copies_.watch(watch_);
  watch_.end();
  std::error_code error;
  const auto now = fs::canonical(resolv_conf, error);
  if (!error && fs::is_regular_file(now) && !is_covered(now)) cover_file(now, resolver_copy);
}

bool Covers::is_covered(const Path& real) const {
  const auto device = device_of(real);
  const auto is_same = [device](const auto& directory) { return directory.second == device; };
  return device == files_ || std::ranges::any_of(directories_, is_same);
}

void Covers::cover(const Path& real, const Path& resolver) {
  fs::is_directory(real) ? cover_directory(real, resolver) : cover_file(real, empty_file);
}

void Covers::cover_directory(const Path& real, const Path& resolver) {
  mount_or_throw("tfunnel", real, "tmpfs", harmless_mount(), "size=256k,mode=755");
  directories_[real] = device_of(real);
  std::vector<Path> files;
  if (lies_at_or_in(resolver, real)) {
    // The daemon that we hide made it here. Programs that know where it keeps the other one find the same.
    fs::create_directories(resolver.parent_path());
    files = {resolver, resolver.parent_path() / "resolv.conf", resolver.parent_path() / "stub-resolv.conf"};
    std::ranges::sort(files);
    files.erase(std::unique(files.begin(), files.end()), files.end());
  }
  for (const auto& file : files) make_file(file.c_str(), "");
  make_read_only(real);
  for (const auto& file : files) cover_file(file, resolver_copy);
}

}  // namespace tfunnel::client
