#include "proxy/names/dns_ways.hpp"

namespace tfunnel::proxy {

bool ResolverWay::take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) {
  if (!addresses_.contains(peer.address)) return false;
  if (peer.port == dns::port) {
    part_of<DnsQuestions>(flow, *this, terms_).ask(peer, payload);
  } else {
    flow.refuse(peer, core::Reason::refused);
  }
  return true;
}

bool VirtualNamesWay::take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView /*payload*/) {
  if (!names_.is_virtual(peer.address)) return false;
  flow.refuse(peer, core::Reason::refused);
  return true;
}

bool DnsOverStreamWay::take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) {
  if (peer.port != dns::port) return false;
  part_of<DnsQuestions>(flow, *this, terms_).ask(peer, payload);
  return true;
}

}  // namespace tfunnel::proxy
