#include "proxy/proxy_app.hpp"

#include "common/app/tunnel.hpp"
#include "proxy/dialer.hpp"
#include "proxy/egress_direct.hpp"
#include "proxy/egress_loopback.hpp"
#include "proxy/egress_socks5.hpp"
#include "proxy/guarded_acceptor.hpp"
#include "proxy/socks5_datagrams.hpp"
#include "proxy/udp_ends.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout",
                            app::po::value(&options.connect_timeout)->default_value(options.connect_timeout),
                            "seconds until an attempt to connect counts as timed out");
  description.add(socks5_description(options.socks5));
  description.add(access_description(options.access));
  return description;
}

void check(const ProxyOptions& options) {
  if (options.connect_timeout <= 0) throw app::UsageError("--connect-timeout is seconds above 0");
}

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options, SourceBinding* binding) {
  const io::Log log(common.level(), common.format(), "tfunnel proxy");
  const auto upstream = options.socks5.proxy();
  if (upstream && binding != nullptr) {
    throw app::UsageError("--preserve-source and --socks5 exclude each other: servers see the SOCKS5 proxy's address");
  }
  app::Tunnel tunnel(common, {wire::ROLE_PROXY, true}, log);
  const Gate gate = options.access.gate();
  const auto timeout = app::seconds(options.connect_timeout);
  const UdpEnd::Surroundings around{tunnel.context(), gate, log, binding};
  DirectEgress to_loopback(tunnel.context(), timeout);
  DirectEgress direct(tunnel.context(), timeout, binding);
  Socks5Client client(tunnel.context(), upstream.value_or(Socks5Proxy()), timeout, log);
  Socks5Egress socks5(client);
  LoopbackEgress egress(gate, to_loopback, upstream ? static_cast<Egress&>(socks5) : direct);
  UdpEnds direct_datagrams(around, common.udp_timeouts());
  Socks5Datagrams socks5_datagrams(around, client, common.udp_timeouts());
  auto& datagrams = upstream ? static_cast<DatagramEgress&>(socks5_datagrams) : direct_datagrams;
  Dialer dialer(tunnel.context(), egress, datagrams, log);
  GuardedAcceptor acceptor(dialer, gate, log);
  auto& session = tunnel.connect(&acceptor);
  acceptor.serve(session.mux());
  dialer.serve(session.mux(), session.stage());
  return tunnel.run();
}

}  // namespace tfunnel::proxy
