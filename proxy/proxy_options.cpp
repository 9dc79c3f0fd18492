#include "proxy/proxy_options.hpp"

#include "common/app/option_values.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout", app::seconds_value(options.connect_timeout, app::Bound::positive),
                            "seconds until an attempt to connect counts as timed out");
  description.add(http_proxy_description(options.http_proxy));
  description.add(socks5_description(options.socks5));
  description.add(name_description(options.names));
  description.add(access_description(options.access));
  return description;
}

void check(const ProxyOptions& options) {
  check(options.names);
  check(options.access);
  check(options.http_proxy);
  if (!options.access.rules.empty() && options.names.proxy_names == NameMode::always) {
    throw app::UsageError("--proxy-names always excludes --allow and --deny: rules know addresses only");
  }
  if (!options.access.rules.empty() && options.names.always_virtual()) {
    throw app::UsageError("--dns virtual excludes --allow and --deny: rules know addresses only");
  }
}

}  // namespace tfunnel::proxy
