// The small files in which a system keeps its settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tfunnel::io {

/// All of it; empty if it cannot be read.
std::string file_contents(const std::string& path);

/// Differs when the file was written or replaced. Of a file that is not there all are equal. Costs two system calls.
struct FileVersion {
  FileVersion() = default;
  explicit FileVersion(const std::string& path);
  bool operator==(const FileVersion&) const = default;

  std::filesystem::file_time_type changed;
  std::uintmax_t size = 0;
};

}  // namespace tfunnel::io
