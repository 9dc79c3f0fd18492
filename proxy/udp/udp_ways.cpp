#include "proxy/udp/udp_ways.hpp"

namespace tfunnel::proxy {

std::vector<UdpWay*> in_order(const UdpWays& ways) {
  std::vector<UdpWay*> order{
      ways.resolver,         // its addresses exist nowhere, so nothing for them may go on
      ways.virtual_names,    // nor for these
      ways.dns_over_stream,  // before the loopback: a nameserver there is asked over a stream like any other
      ways.dns_watch,        // behind all who answer themselves, before all who pass datagrams on
      ways.far_loopback,     // before the upstream, which has a loopback of its own
      ways.refusal,          // what it excepts goes directly
      ways.upstream,         // takes whatever comes
      ways.direct,           // likewise
  };
  std::erase(order, nullptr);
  return order;
}

}  // namespace tfunnel::proxy
