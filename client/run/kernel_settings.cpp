#include "client/run/kernel_settings.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/run/mount_list.hpp"
#include "client/run/paths.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

// What this network namespace holds.
constexpr const char* writable = "/proc/sys/net";
constexpr const char* settings[] = {"/proc/acpi", "/proc/bus", "/proc/fs",           "/proc/irq",
                                    "/proc/scsi", "/proc/sys", "/proc/sysrq-trigger"};
constexpr const char* devices = "/sys";

bool mount_on_itself(const char* path) { return ::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) == 0; }

void make_read_only(const char* path) {
  ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
}

// mount_setattr(2), by its number and layout: C libraries have it only since lately. Kernels before 5.12 do not: then
// only the upper mount is.
void make_all_read_only(const char* path) {
  const std::uint64_t attributes[4] = {MS_RDONLY, 0, 0, 0};
  constexpr long mount_setattr = 442;
  constexpr unsigned with_submounts = 0x8000;
  if (::syscall(mount_setattr, AT_FDCWD, path, with_submounts, attributes, sizeof attributes) != 0)
    make_read_only(path);
}

// A chroot(2) has them a second time, wherever it lies.
bool is_of_kernel(std::string_view type) {
  constexpr std::array types{"proc",       "sysfs",    "cgroup", "cgroup2",  "debugfs", "tracefs",
                             "securityfs", "configfs", "pstore", "efivarfs", "bpf",     "binfmt_misc"};
  return std::ranges::find(types, type) != types.end();
}

}  // namespace

void protect_kernel_settings() {
  if (::geteuid() != 0) return;
  // First: a mount on what is read-only already would be so itself.
  mount_on_itself(writable);
  // What is not there needs none.
  for (const auto* path : settings) {
    if (mount_on_itself(path)) make_read_only(path);
  }
  if (mount_on_itself(devices)) make_all_read_only(devices);
  for (const auto& mount : list_of_mounts(io::file_contents("/proc/self/mountinfo"))) {
    const bool done = lies_at_or_in(mount.point, "/proc") || lies_at_or_in(mount.point, devices);
    if (!done && is_of_kernel(mount.type)) make_all_read_only(mount.point.c_str());
  }
}

}  // namespace tfunnel::client
