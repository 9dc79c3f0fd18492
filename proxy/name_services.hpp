// DNS and names around a way out: what a proxy serves its flows with.
#pragma once

#include <optional>
#include <set>

#include "common/io/log.hpp"
#include "proxy/access/no_proxy.hpp"
#include "proxy/dns/dns_over_stream.hpp"
#include "proxy/dns/far_resolver.hpp"
#include "proxy/intercept/egress_intercept.hpp"
#include "proxy/names/dns_learner.hpp"
#include "proxy/names/dns_watch.hpp"
#include "proxy/names/dns_ways.hpp"
#include "proxy/names/egress_resolver.hpp"
#include "proxy/names/egress_virtual.hpp"
#include "proxy/names/name_options.hpp"
#include "proxy/names/namer.hpp"
#include "proxy/names/virtual_resolver.hpp"
#include "proxy/udp/udp_ways.hpp"

namespace tfunnel::proxy {

/// How traffic leaves this host.
struct WayOut {
  Egress& streams;
  UdpWays datagrams;
  bool carries_datagrams = true;        // false: DNS over UDP becomes DNS over TCP
  bool is_upstream = false;             // traffic goes to another proxy: --dns servers are reached through it
  Egress* by_name = nullptr;            // that proxy alone, for names that only it knows; null: `streams`
  const NoProxy* exceptions = nullptr;  // what does not go to it; null: nothing
  std::set<core::Address> taken = {};   // virtual addresses that mean something else
};

/// Puts the virtual resolver, DNS over TCP, the table of names, virtual addresses for names and interceptors in front
/// of a way out, and lets through what concerns none of them.
class NameServices {
 public:
  /// `interceptors` may be null. All that is referred to must outlive the io_context's last handler, and so must this.
  NameServices(asio::io_context& context, const WayOut& way_out, const NameOptions& options, DescriptorReserve& reserve,
               InterceptorFactory* interceptors, const io::Log& log);

  /// The program is about to end, and all flows have: ends the queries that are under way.
  void stop();

  // The parts that a Dialer takes.
  [[nodiscard]] Egress& egress() { return *egress_; }
  /// The way out's, with ours among them: for UdpFlows.
  [[nodiscard]] const UdpWays& datagrams() const { return datagrams_; }
  [[nodiscard]] Namer* namer() { return &namer_; }
  [[nodiscard]] VirtualNames* virtual_names() { return virtual_names_ ? &*virtual_names_ : nullptr; }

 private:
  void give_names_addresses(asio::io_context& context, const WayOut& way_out, const NameOptions& options,
                            const io::Log& log);
  void add_ways(const WayOut& way_out, const NameOptions& options);

  bool learns_;  // only where somebody wants names
  NameTable names_;
  DnsLearner learner_{names_};
  Namer namer_;
  DnsOverStream stream_;
  FarResolver resolver_;
  std::optional<VirtualNames> virtual_names_;  // only where a name has no other address
  std::optional<VirtualResolver> virtual_resolver_;
  std::optional<VirtualEgress> virtual_egress_;
  std::optional<ResolverEgress> resolver_egress_;
  std::optional<InterceptEgress> learn_;
  std::optional<InterceptEgress> intercept_;
  Egress* egress_;
  std::optional<ResolverWay> resolver_way_;
  std::optional<VirtualNamesWay> virtual_names_way_;
  std::optional<DnsOverStreamWay> stream_way_;
  std::optional<DnsWatch> watch_;
  UdpWays datagrams_;
};

}  // namespace tfunnel::proxy
