// mount(2), as the covers of `tfunnel run` need it. All throw boost::system::system_error.
#pragma once

#include <filesystem>

namespace tfunnel::client {

/// As mount(2) has them.
void mount_or_throw(const char* source, const std::filesystem::path& target, const char* type, unsigned long flags,
                    const char* data);

/// What our own file systems permit: no program, no device.
unsigned long harmless_mount();

void make_read_only(const std::filesystem::path& mounted);

/// The file `with` is seen, for reading only, where `target` is.
void cover_file(const std::filesystem::path& target, const std::filesystem::path& with);

}  // namespace tfunnel::client
