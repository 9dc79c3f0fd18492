#include "common/app/arguments.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace tfunnel::app {

void hide_credentials(char* argument) {
  const std::string_view text(argument);
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return;
  const auto value = text.starts_with("--") ? std::min(text.find('=') + 1, at) : 0;
  const auto scheme = text.find("://", value);
  const bool has_scheme = scheme != std::string_view::npos && scheme + 3 <= at;
  const auto begin = has_scheme ? scheme + 3 : value;
  // Without either mark it is no URL with credentials, but perhaps a file's name.
  if (!has_scheme && text.substr(begin, at - begin).find(':') == std::string_view::npos) return;
  std::memset(argument + begin, '-', at - begin);
}

Arguments::Arguments(int argc, char** argv) : copies_(argv, argv + argc) {
  for (const auto& copy : copies_) pointers_.push_back(copy.c_str());
  for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i) hide_credentials(argv[i]);
}

}  // namespace tfunnel::app
