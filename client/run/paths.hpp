// How two paths lie to each other.
#pragma once

#include <algorithm>
#include <filesystem>

namespace tfunnel::client {

/// Both without symbolic links, or both with the same ones.
inline bool lies_at_or_in(const std::filesystem::path& path, const std::filesystem::path& directory) {
  return std::ranges::mismatch(directory, path).in1 == directory.end();
}

}  // namespace tfunnel::client
