#include "proxy/proxy_app.hpp"

#include <cstdlib>

#include "common/app/tunnel.hpp"
#include "proxy/dialer.hpp"
#include "proxy/ways_out.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout",
                            app::po::value(&options.connect_timeout)->default_value(options.connect_timeout),
                            "seconds until an attempt to connect counts as timed out");
  description.add(http_proxy_description(options.http_proxy));
  return description;
}

void check(const ProxyOptions& options) {
  if (options.connect_timeout <= 0) throw app::UsageError("--connect-timeout is seconds above 0");
}

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options) {
  const io::Log log(common.level(), common.format(), "tfunnel proxy");
  const auto upstream = http_proxy_settings(options.http_proxy, [](const char* name) { return std::getenv(name); });
  for (const auto& warning : upstream.warnings) log.warning(warning);
  app::Tunnel tunnel(common, {wire::ROLE_PROXY, true}, log);
  WaysOut ways_out(tunnel.context(), common, options, upstream, log);
  Dialer dialer(tunnel.context(), ways_out.streams(), ways_out.datagrams(), log);
  auto& session = tunnel.connect(&dialer);
  dialer.serve(session.mux(), session.stage());
  return tunnel.run();
}

}  // namespace tfunnel::proxy
