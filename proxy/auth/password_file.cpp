#include "proxy/auth/password_file.hpp"

#include <algorithm>

#include "common/app/usage_error.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::proxy {

namespace {
constexpr std::size_t longest_file = 1 << 16;
}

result<std::string> first_line_of(const std::string& path) {
  auto text = io::read_file(path, longest_file);
  if (!text) return text.error();
  text->resize(std::min(text->find('\n'), text->size()));
  if (text->ends_with('\r')) text->pop_back();
  return text;
}

std::string password_in(const std::string& path, const std::string& option) {
  auto line = first_line_of(path);
  if (!line) throw app::UsageError(option + ": cannot read " + path + ": " + line.error().message());
  if (line->empty()) throw app::UsageError(option + ": the first line of " + path + " is empty");
  return std::move(*line);
}

}  // namespace tfunnel::proxy
