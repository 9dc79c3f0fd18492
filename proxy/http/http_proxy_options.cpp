#include "proxy/http/http_proxy_options.hpp"

#include <filesystem>

#include "proxy/auth/password_file.hpp"

namespace tfunnel::proxy {

namespace {

using app::UsageError;

std::string value_or_empty(const char* value) { return value == nullptr ? "" : value; }

std::string read_password(const std::string& path, std::vector<std::string>& warnings) {
  namespace fs = std::filesystem;
  const auto line = first_line_of(path);
  if (!line) throw UsageError("--proxy-password-file: cannot read " + path);
  if (line->empty()) throw UsageError("--proxy-password-file: the first line of " + path + " is empty");
  std::error_code ignored;
  const auto others = fs::perms::group_read | fs::perms::others_read;
  if ((fs::status(path, ignored).permissions() & others) != fs::perms::none)
    warnings.push_back("others may read the password in " + path + "; chmod 600 it");
  return *line;
}

/// For proxies whose URL has none.
std::optional<Credentials> common_credentials(const HttpProxyOptions& options, const Environment& environment,
                                              std::vector<std::string>& warnings) {
  Credentials found{options.user, {}};
  if (found.user.empty()) found.user = value_or_empty(environment("TFUNNEL_PROXY_USER"));
  if (found.user.find(':') != std::string::npos)
    throw UsageError("--proxy-user is a name without ':'; the password belongs into --proxy-password-file");
  found.password = options.password_file.empty() ? value_or_empty(environment("TFUNNEL_PROXY_PASSWORD"))
                                                 : read_password(options.password_file, warnings);
  if (found.user.empty() && found.password.empty()) return std::nullopt;
  if (found.password.empty())
    throw UsageError(
        "--proxy-user needs a password: --proxy-password-file FILE, or TFUNNEL_PROXY_PASSWORD in the environment");
  return found;
}

void add_proxies(const HttpProxyOptions& options, const Environment& environment, HttpProxySettings& settings) {
  for (const auto& url : options.urls) settings.proxies.push_back(parse_proxy_url(url, "--http-proxy"));
  if (!options.from_env || !settings.proxies.empty()) return;
  if (const auto variable = proxy_variable(environment)) {
    settings.proxies.push_back(parse_proxy_url(variable->value, "--proxy-from-env: " + variable->name));
  } else {
    settings.warnings.emplace_back("--proxy-from-env: no proxy is named in the environment; connecting directly");
  }
}

void add_exceptions(const HttpProxyOptions& options, const Environment& environment, HttpProxySettings& settings) {
  for (const auto& list : options.no_proxy) {
    for (const auto& bad : settings.exceptions.add(list))
      throw UsageError("--no-proxy: '" + bad + "' is no name, address, network or *, with or without :PORT");
  }
  if (!options.from_env || !options.no_proxy.empty()) return;
  const auto variable = no_proxy_variable(environment);
  if (!variable) return;
  for (const auto& bad : settings.exceptions.add(variable->value))
    settings.warnings.push_back(variable->name + ": ignored: '" + bad + "'");
}

/// URL credentials win; a user alone in the URL takes the common password.
void complete(ProxyUrl& url, const std::optional<Credentials>& common, const std::string& password_file) {
  if (!common) return;
  if (!url.credentials && !common->user.empty()) url.credentials = Credentials{common->user, {}};
  if (!url.credentials || !url.credentials->password.empty()) return;
  url.credentials->password = common->password;
  url.password_file = password_file;
}

}  // namespace

app::po::options_description http_proxy_description(HttpProxyOptions& options) {
  using app::po::value;
  app::po::options_description description("Proxy behind an upstream HTTP proxy");
  auto add = description.add_options();
  add("http-proxy", value(&options.urls)->composing(),
      "connect through this proxy by CONNECT: http://[USER:PASSWORD@]HOST[:PORT] or https://...; may be repeated: the "
      "first that can be reached and answers serves");
  add("proxy-from-env", app::po::bool_switch(&options.from_env),
      "without --http-proxy: take it from https_proxy, all_proxy or http_proxy, and --no-proxy from no_proxy");
  add("proxy-user", value(&options.user), "user name for proxies whose URL has none (or TFUNNEL_PROXY_USER)");
  add("proxy-password-file", value(&options.password_file),
      "file whose first line is the password (or TFUNNEL_PROXY_PASSWORD)");
  add("no-proxy", value(&options.no_proxy)->composing(),
      "connect directly to these: names (and all below), addresses, networks, each with or without :PORT; or *");
  add("proxy-ca", value(&options.authorities), "PEM file of the authorities to trust for https:// proxies");
  return description;
}

HttpProxySettings http_proxy_settings(const HttpProxyOptions& options, const Environment& environment) {
  HttpProxySettings settings;
  add_proxies(options, environment, settings);
  add_exceptions(options, environment, settings);
  if (settings.proxies.empty()) return settings;
  const auto common = common_credentials(options, environment, settings.warnings);
  for (auto& url : settings.proxies) complete(url, common, options.password_file);
  return settings;
}

}  // namespace tfunnel::proxy
