#include "proxy/names/special_names.hpp"

#include <algorithm>
#include <array>

namespace tfunnel::proxy {

NameUse use_of(std::string_view name) {
  constexpr std::array<std::string_view, 5> local{"alt", "arpa", "invalid", "local", "localhost"};
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return NameUse::local;
  const auto top = name.substr(dot + 1);
  if (top == "onion") return NameUse::proxy_only;
  return std::ranges::find(local, top) == local.end() ? NameUse::ordinary : NameUse::local;
}

}  // namespace tfunnel::proxy
