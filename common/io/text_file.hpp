// The small files in which a system keeps its settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/io/asio.hpp"

namespace tfunnel::io {

/// All of it; empty if it cannot be read.
std::string file_contents(const std::string& path);
/// Without the newline; empty if it cannot be read.
std::string first_line(const std::string& path);

/// All of it; an error if it cannot be read, is a directory, or has more than `limit` bytes: then it is not what was
/// meant (a device that never ends, say). A pipe is read to its end.
result<std::string> read_file(const std::string& path, std::size_t limit);

/// Differs when the file was written or replaced. Of a file that is not there all are equal. Costs two system calls.
struct FileVersion {
  FileVersion() = default;
  explicit FileVersion(const std::string& path);
  bool operator==(const FileVersion&) const = default;

  std::filesystem::file_time_type changed;
  std::uintmax_t size = 0;
};

}  // namespace tfunnel::io
