#include "proxy/proxy_app.hpp"

#include "common/app/tunnel.hpp"
#include "proxy/dialer.hpp"
#include "proxy/egress_direct.hpp"
#include "proxy/egress_loopback.hpp"
#include "proxy/egress_socks5.hpp"
#include "proxy/guarded_acceptor.hpp"
#include "proxy/name_services.hpp"
#include "proxy/socks5_datagrams.hpp"
#include "proxy/udp_ends.hpp"

namespace tfunnel::proxy {

app::po::options_description proxy_description(ProxyOptions& options) {
  app::po::options_description description("Proxy (no --port)");
  description.add_options()("connect-timeout",
                            app::po::value(&options.connect_timeout)->default_value(options.connect_timeout),
                            "seconds until an attempt to connect counts as timed out");
  description.add(socks5_description(options.socks5));
  description.add(name_description(options.names));
  description.add(access_description(options.access));
  return description;
}

void check(const ProxyOptions& options) {
  if (options.connect_timeout <= 0) throw app::UsageError("--connect-timeout is seconds above 0");
  check(options.names);
}

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         const ProxyExtensions& extensions) {
  const io::Log log(common.level(), common.format(), "tfunnel proxy");
  const auto upstream = options.socks5.proxy();
  if (upstream && extensions.binding != nullptr) {
    throw app::UsageError("--preserve-source and --socks5 exclude each other: servers see the SOCKS5 proxy's address");
  }
  app::Tunnel tunnel(common, {wire::ROLE_PROXY, true}, log);
  auto& context = tunnel.context();
  const Gate gate = options.access.gate();
  const auto timeout = app::seconds(options.connect_timeout);
  UdpBatches batches(context);
  const UdpEnd::Surroundings around{context, batches, gate, log, extensions.binding};
  DirectEgress to_loopback(context, timeout);
  DirectEgress direct(context, timeout, extensions.binding);
  Socks5Client client(context, upstream.value_or(Socks5Proxy()), timeout, log);
  Socks5Egress socks5(client);
  LoopbackEgress egress(gate, to_loopback, upstream ? static_cast<Egress&>(socks5) : direct);
  UdpEnds direct_datagrams(around, common.udp_timeouts());
  Socks5Datagrams socks5_datagrams(around, client, common.udp_timeouts());
  auto& datagrams = upstream ? static_cast<DatagramEgress&>(socks5_datagrams) : direct_datagrams;
  NameServices services(context, {egress, datagrams, true, upstream.has_value()}, options.names, common.udp_timeouts(),
                        extensions.interceptors, log);
  Dialer dialer(context, services.egress(), services.datagrams(), log, services.namer());
  GuardedAcceptor acceptor(dialer, gate, log);
  auto& session = tunnel.connect(&acceptor);
  acceptor.serve(session.mux());
  dialer.serve(session.mux(), session.data_path());
  return tunnel.run();
}

}  // namespace tfunnel::proxy
