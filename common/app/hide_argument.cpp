#include "common/app/hide_argument.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

namespace tfunnel::app {

namespace {

void hide_in(std::span<char> value) {
  const std::string_view text(value.data(), value.size());
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return;
  const auto scheme = text.find("://");
  const auto colon = text.find(':', scheme < at ? scheme + 3 : 0);
  if (colon < at) std::ranges::fill(value.subspan(colon + 1, at - colon - 1), '*');
}

/// Is `argument` the option, with or without =VALUE?
bool is_option(std::string_view argument, std::string_view name) {
  if (!argument.starts_with("--")) return false;
  auto given = std::string(argument.substr(2, argument.find('=') - 2));
  std::ranges::replace(given, '_', '-');
  return given == name;
}

}  // namespace

void hide_password(int argc, char** argv, std::string_view name) {
  for (int i = 1; i < argc; ++i) {
    if (!is_option(argv[i], name)) continue;
    char* value = std::strchr(argv[i], '=');
    if (value == nullptr) value = ++i < argc ? argv[i] : nullptr;
    if (value != nullptr) hide_in({value, std::strlen(value)});
  }
}

}  // namespace tfunnel::app
