#include "proxy/http/proxy_environment.hpp"

#include <cstdlib>
#include <initializer_list>

namespace tfunnel::proxy {

namespace {

std::optional<ProxyVariable> first_set(const Environment& environment, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    const auto* value = environment(name);
    if (value != nullptr && *value != '\0') return ProxyVariable{name, value};
  }
  return std::nullopt;
}

}  // namespace

Environment own_environment() {
  return [](const char* name) { return std::getenv(name); };
}

std::optional<ProxyVariable> proxy_variable(const Environment& environment) {
  if (auto found = first_set(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"}))
    return found;
  if (environment("REQUEST_METHOD") != nullptr) return std::nullopt;
  return first_set(environment, {"HTTP_PROXY"});
}

std::optional<ProxyVariable> no_proxy_variable(const Environment& environment) {
  return first_set(environment, {"no_proxy", "NO_PROXY"});
}

}  // namespace tfunnel::proxy
