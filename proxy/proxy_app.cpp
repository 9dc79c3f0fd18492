#include "proxy/proxy_app.hpp"

#include "common/app/tunnel.hpp"
#include "proxy/dialer.hpp"
#include "proxy/egress_direct.hpp"
#include "proxy/egress_loopback.hpp"
#include "proxy/guarded_acceptor.hpp"
#include "proxy/udp_ends.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout",
                            app::po::value(&options.connect_timeout)->default_value(options.connect_timeout),
                            "seconds until an attempt to connect counts as timed out");
  description.add(access_description(options.access));
  return description;
}

void check(const ProxyOptions& options) {
  if (options.connect_timeout <= 0) throw app::UsageError("--connect-timeout is seconds above 0");
}

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options) {
  const io::Log log(common.level(), common.format(), "tfunnel proxy");
  app::Tunnel tunnel(common, {wire::ROLE_PROXY, true}, log);
  const Gate gate = options.access.gate();
  DirectEgress direct(tunnel.context(), app::seconds(options.connect_timeout));
  LoopbackEgress egress(gate, direct, direct);
  UdpEnds datagrams({tunnel.context(), gate, log}, common.udp_timeouts());
  Dialer dialer(tunnel.context(), egress, datagrams, log);
  GuardedAcceptor acceptor(dialer, gate, log);
  auto& session = tunnel.connect(&acceptor);
  acceptor.serve(session.mux());
  dialer.serve(session.mux(), session.stage());
  return tunnel.run();
}

}  // namespace tfunnel::proxy
