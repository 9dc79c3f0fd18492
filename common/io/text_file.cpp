#include "common/io/text_file.hpp"

#include <fstream>
#include <sstream>
#include <system_error>

namespace tfunnel::io {

std::string file_contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

FileVersion::FileVersion(const std::string& path) {
  std::error_code ignored;
  changed = std::filesystem::last_write_time(path, ignored);
  size = std::filesystem::file_size(path, ignored);
}

}  // namespace tfunnel::io
