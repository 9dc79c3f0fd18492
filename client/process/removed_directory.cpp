#include "client/process/removed_directory.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

// By the calls themselves: C libraries before glibc 2.36 do not know them. The file system is mounted nowhere, and goes
// with the last process that stands in it.
void enter_removed_directory() {
  const io::Descriptor system(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (::syscall(SYS_fsconfig, system.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return;
  const io::Descriptor root(static_cast<int>(::syscall(SYS_fsmount, system.get(), FSMOUNT_CLOEXEC, 0)));
  constexpr auto name = "removed";
  if (::mkdirat(root.get(), name, S_IRWXU) != 0) return;
  const io::Descriptor directory(::openat(root.get(), name, O_PATH | O_DIRECTORY | O_CLOEXEC));
  ::unlinkat(root.get(), name, AT_REMOVEDIR);
  [[maybe_unused]] const auto entered = ::fchdir(directory.get());
}

}  // namespace tfunnel::client
