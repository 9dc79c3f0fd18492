#include "client/client_app.hpp"

#include <algorithm>

#include "client/capture_tcp.hpp"
#include "client/capture_udp.hpp"
#include "common/app/tunnel.hpp"

namespace tfunnel::client {

app::po::options_description client_description(ClientOptions& options) {
  app::po::options_description description("Client");
  auto add = description.add_options();
  add("port,p", app::po::value(&options.ports)->composing(),
      "be the client: capture what TPROXY sends to this port; may be repeated");
  add("fwmark", app::po::value(&options.fwmark)->default_value(options.fwmark),
      "mark of our own packets, which capture rules must leave alone");
  return description;
}

void check(const ClientOptions& options) {
  if (std::ranges::find(options.ports, 0) != options.ports.end()) throw app::UsageError("--port is 1 to 65535");
}

io::ExitStatus run_client(const app::CommonOptions& common, const ClientOptions& options) {
  const io::Log log(common.level(), common.format(), "tfunnel client");
  app::Tunnel tunnel(common, {wire::ROLE_CLIENT, false}, log);
  TcpCapture tcp(tunnel.context(), options.ports, options.fwmark, log);
  UdpCapture udp(tunnel.context(), options.ports, options.fwmark, common.udp_timeouts(), log);
  auto& session = tunnel.connect(nullptr);
  session.on_ready = [&] {
    tcp.start(session.mux(), session.stage());
    udp.start(session.mux());
  };
  return tunnel.run();
}

}  // namespace tfunnel::client
