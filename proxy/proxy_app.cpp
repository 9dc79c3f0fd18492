#include "proxy/proxy_app.hpp"

#include "common/app/tunnel.hpp"
#include "proxy/dialer.hpp"
#include "proxy/egress_direct.hpp"
#include "proxy/name_services.hpp"
#include "proxy/udp_ends.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout",
                            app::po::value(&options.connect_timeout)->default_value(options.connect_timeout),
                            "seconds until an attempt to connect counts as timed out");
  description.add(name_description(options.names));
  return description;
}

void check(const ProxyOptions& options) {
  if (options.connect_timeout <= 0) throw app::UsageError("--connect-timeout is seconds above 0");
  check(options.names);
}

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         InterceptorFactory* interceptors) {
  const io::Log log(common.level(), common.format(), "tfunnel proxy");
  app::Tunnel tunnel(common, {wire::ROLE_PROXY, true}, log);
  DirectEgress egress(tunnel.context(), app::seconds(options.connect_timeout));
  UdpEnds datagrams(tunnel.context(), common.udp_timeouts(), log);
  NameServices services(tunnel.context(), {egress, datagrams}, options.names, common.udp_timeouts(), interceptors, log);
  Dialer dialer(tunnel.context(), services.egress(), services.datagrams(), log, services.namer());
  auto& session = tunnel.connect(&dialer);
  dialer.serve(session.mux(), session.data_path());
  return tunnel.run();
}

}  // namespace tfunnel::proxy
