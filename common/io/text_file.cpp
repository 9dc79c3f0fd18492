#include "common/io/text_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "common/io/descriptor.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::io {

std::string file_contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

// A directory opens like a file; reading tells.
result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return last_error();
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > limit) return error_code(EFBIG, boost::system::system_category());
  }
}

FileVersion::FileVersion(const std::string& path) {
  std::error_code ignored;
  changed = std::filesystem::last_write_time(path, ignored);
  size = std::filesystem::file_size(path, ignored);
}

}  // namespace tfunnel::io
