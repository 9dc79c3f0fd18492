#include "proxy/http/http_proxy_options.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/app/option_values.hpp"
#include "proxy/auth/password_file.hpp"

namespace tfunnel::proxy {

namespace {

using app::UsageError;

std::string value_or_empty(const char* value) { return value == nullptr ? "" : value; }

std::string read_password(const std::string& path, std::vector<std::string>& warnings) {
  namespace fs = std::filesystem;
  auto password = password_in(path, "--proxy-password-file");
  std::error_code ignored;
  const auto others = fs::perms::group_read | fs::perms::others_read;
  if ((fs::status(path, ignored).permissions() & others) != fs::perms::none)
    warnings.push_back("others may read the password in " + path + "; chmod 600 it");
  return password;
}

// Whether on the command line or in the environment. It is not quoted: there may be a password behind the colon.
void check_user(std::string_view user) {
  if (user.find(':') != std::string_view::npos)
    throw UsageError("--proxy-user is a name without ':'; the password belongs into --proxy-password-file");
}

/// For proxies whose URL has none.
std::optional<Credentials> common_credentials(const HttpProxyOptions& options, const Environment& environment,
                                              std::vector<std::string>& warnings) {
  Credentials found{options.user, {}};
  if (found.user.empty()) found.user = value_or_empty(environment("TFUNNEL_PROXY_USER"));
  check_user(found.user);
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

void add_exceptions(const std::string& list, NoProxy& exceptions) {
  for (const auto& bad : exceptions.add(list))
    throw UsageError("--no-proxy: " + app::in_quotes(bad) +
                     " is no name, address, network or *, with or without :PORT");
}

void add_exceptions(const HttpProxyOptions& options, const Environment& environment, HttpProxySettings& settings) {
  for (const auto& list : options.no_proxy) add_exceptions(list, settings.exceptions);
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

namespace {

// The parts that are understood later are looked at as soon as they are read.

bool is_url(std::string_view text) {
  static_cast<void>(parse_proxy_url(text, "--http-proxy"));
  return true;
}

bool is_list(std::string_view text) {
  app::refuse_empty(text);
  NoProxy some;
  add_exceptions(std::string(text), some);
  return !some.empty();
}

app::po::value_semantic* user_value(std::string& target) {
  const auto parse = [](std::string_view text) {
    app::refuse_empty(text);
    check_user(text);
    return std::optional(std::string(text));
  };
  return new app::ParsedValue<std::string>(target, parse, "not empty", "arg");
}

}  // namespace

app::po::options_description http_proxy_description(HttpProxyOptions& options) {
  app::po::options_description description("Proxy behind an upstream HTTP proxy");
  auto add = description.add_options();
  add("http-proxy", app::words_value(options.urls, is_url, "a URL"),
      "connect through this proxy by CONNECT: http://[USER:PASSWORD@]HOST[:PORT] or https://...; may be repeated: the "
      "first that can be reached and answers serves");
  add("proxy-from-env", app::po::bool_switch(&options.from_env),
      "without --http-proxy: take it from https_proxy, all_proxy or http_proxy, and --no-proxy from no_proxy");
  add("proxy-user", user_value(options.user), "user name for proxies whose URL has none (or TFUNNEL_PROXY_USER)");
  add("proxy-password-file", app::text_value(options.password_file, "arg"),
      "file whose first line is the password (or TFUNNEL_PROXY_PASSWORD)");
  add("no-proxy", app::words_value(options.no_proxy, is_list, "names, addresses or networks"),
      "connect directly to these: names (and all below), addresses, networks, each with or without :PORT; or *");
  add("proxy-ca", app::text_value(options.authorities, "arg"),
      "PEM file of the authorities to trust for https:// proxies");
  return description;
}

void check(const HttpProxyOptions& options) {
  const bool any = !options.urls.empty() || options.from_env;
  for (const auto& [name, given] :
       {std::pair("--proxy-user", !options.user.empty()),
        std::pair("--proxy-password-file", !options.password_file.empty()),
        std::pair("--no-proxy", !options.no_proxy.empty()), std::pair("--proxy-ca", !options.authorities.empty())}) {
    if (given && !any) throw UsageError(std::string(name) + " goes with --http-proxy or --proxy-from-env");
  }
  const auto is_tls = [](const auto& url) { return parse_proxy_url(url, "--http-proxy").tls; };
  if (!options.authorities.empty() && !options.urls.empty() && std::ranges::none_of(options.urls, is_tls))
    throw UsageError("--proxy-ca is for https:// proxies, and there is none");
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
