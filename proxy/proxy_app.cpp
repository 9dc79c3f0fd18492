#include "proxy/proxy_app.hpp"

#include <optional>

#include "common/io/socket_mark.hpp"
#include "proxy/access/guarded_acceptor.hpp"
#include "proxy/dialer.hpp"
#include "proxy/dns/own_resolver_hints.hpp"
#include "proxy/lookup/reach_by_addresses.hpp"
#include "proxy/proxy_program.hpp"
#include "proxy/routes.hpp"

namespace tfunnel::proxy {

namespace {

io::Log log_for(const app::CommonOptions& common, const ProxyExtensions& extensions) {
  const std::string name = "tfunnel proxy";
  return extensions.log != nullptr ? extensions.log->named(name) : io::Log(common.level(), common.log_format, name);
}

// Addresses that are answered here, whether or not there is a route to them.
std::set<core::Address> virtual_addresses(const ProxyOptions& options) {
  auto all = options.names.resolver();
  if (options.access.loopback.offered) all.insert({options.access.loopback.v4, options.access.loopback.v6});
  return all;
}

}  // namespace

io::ExitStatus run_proxy(const app::CommonOptions& common, const ProxyOptions& options,
                         const ProxyExtensions& extensions) {
  const auto log = log_for(common, extensions);
  const Upstream upstream = understand_upstream(options, own_environment(), extensions.binding != nullptr);
  for (const auto& warning : upstream.http.warnings) log.warning(warning);
  ProxyProgram program(common, log);
  auto& context = program.context();
  io::SocketMark::of(context).set(extensions.mark);
  const Gate gate = options.access.gate(options.names.resolver());
  DescriptorReserve reserve;
  Routes routes(context, {options, upstream, gate, reserve, extensions.binding}, extensions.interceptors, log);
  Dialer dialer(context, routes.streams(), routes.datagrams(), reserve, log, routes.namer());
  dialer.keep_names_of_flows(routes.virtual_names());
  GuardedAcceptor acceptor(dialer, gate, log);
  auto& session = program.connect(acceptor, own_resolver_hints());
  reserve.serve(session.mux());
  dialer.serve(session.mux());
  std::optional<ReachWatch> reach;
  // An upstream has routes of its own, which nobody tells.
  if (!routes.lead_to_upstream()) {
    reach.emplace(context, extensions.reach ? extensions.reach : reach_by_addresses, virtual_addresses(options),
                  session.mux());
  }
  program.on_finish = [&] {
    if (reach) reach->stop();
    routes.stop();
  };
  return program.run();
}

}  // namespace tfunnel::proxy
