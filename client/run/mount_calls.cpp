#include "client/run/mount_calls.hpp"

#include <sys/mount.h>

#include "common/io/errors.hpp"

namespace tfunnel::client {

void mount_or_throw(const char* source, const std::filesystem::path& target, const char* type, unsigned long flags,
                    const char* data) {
  if (::mount(source, target.c_str(), type, flags, data) == 0) return;
  throw boost::system::system_error(io::last_error(), "a mount on " + target.string());
}

unsigned long harmless_mount() { return MS_NOSUID | MS_NODEV | MS_NOEXEC; }

void make_read_only(const std::filesystem::path& mounted) {
  mount_or_throw(nullptr, mounted, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | harmless_mount(), nullptr);
}

void cover_file(const std::filesystem::path& target, const std::filesystem::path& with) {
  mount_or_throw(with.c_str(), target, nullptr, MS_BIND, nullptr);
  make_read_only(target);
}

}  // namespace tfunnel::client
