#include "proxy/auth/password_file.hpp"

#include <filesystem>
#include <fstream>

namespace tfunnel::proxy {

std::optional<std::string> first_line_of(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path, ignored)) return std::nullopt;
  std::string line;
  if (!std::getline(file, line) && (file.bad() || !file.eof())) return std::nullopt;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace tfunnel::proxy
