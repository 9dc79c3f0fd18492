// The environment variables that name a proxy, as programs like curl read them.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace tfunnel::proxy {

/// The value of a variable, or null; std::getenv() in a program.
using Environment = std::function<const char*(const char* name)>;
/// This process's own.
Environment own_environment();

struct ProxyVariable {
  std::string name;
  std::string value;
};

/// The first that is set and not empty of https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, http_proxy and
/// HTTP_PROXY. curl chooses by the URL's scheme, and uses https_proxy where it sends CONNECT; we send
/// nothing else and know no scheme, so one proxy is for all. HTTP_PROXY is not used in a CGI program
/// (REQUEST_METHOD is set), whose client could have set it (CVE-2016-5385).
std::optional<ProxyVariable> proxy_variable(const Environment& environment);

/// no_proxy, else NO_PROXY.
std::optional<ProxyVariable> no_proxy_variable(const Environment& environment);

}  // namespace tfunnel::proxy
