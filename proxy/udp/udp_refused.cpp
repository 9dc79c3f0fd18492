#include "proxy/udp/udp_refused.hpp"

#include "proxy/udp/udp_flow.hpp"

namespace tfunnel::proxy {

bool UdpRefused::take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView /*payload*/) {
  if (exceptions_.matches(peer)) return false;
  if (!std::exchange(told_, true)) log_.info("UDP cannot pass the HTTP proxy; refused", {{"destination", peer.text()}});
  log_.debug("datagram refused", io::LogFlow(flow.flow()->request, flow.flow()->id, peer));
  ++flow.mux().counters().datagrams_refused;
  flow.refuse(peer, core::Reason::refused);
  return true;
}

}  // namespace tfunnel::proxy
