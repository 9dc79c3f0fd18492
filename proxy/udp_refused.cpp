#include "proxy/udp_refused.hpp"

namespace tfunnel::proxy {

bool UdpRefused::take(UdpEnd& end, const core::Endpoint& peer) {
  if (exceptions_.matches(peer)) return false;
  if (!std::exchange(told_, true)) log_.info("UDP cannot pass the HTTP proxy; refused", {{"peer", peer.text()}});
  log_.debug("datagram refused", {{"peer", peer.text()}});
  end.refuse(peer, core::Reason::refused);
  return true;
}

}  // namespace tfunnel::proxy
