// UDP straight out of this host, or to its own loopback.
#pragma once

#include "proxy/access/far_loopback.hpp"
#include "proxy/udp/udp_sockets.hpp"

namespace tfunnel::proxy {

/// Takes whatever comes.
class UdpDirect final : public UdpWay {
 public:
  explicit UdpDirect(const UdpSockets::Surroundings& surroundings) : around_(surroundings) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override {
    sockets_of(flow).send(peer, payload, true);
    return true;
  }
  /// Made when first asked for.
  UdpSockets& sockets_of(UdpFlow& flow) const { return part_of<UdpSockets>(flow, *this, around_); }

 private:
  UdpSockets::Surroundings around_;
};

/// To 127.0.0.1 and ::1 by their virtual addresses, with an address of this host, from the sockets of another way.
class UdpToLoopback final : public UdpWay {
 public:
  /// `direct` must outlive this.
  UdpToLoopback(const FarLoopback& loopback, const UdpDirect& direct) : loopback_(loopback), direct_(direct) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override {
    if (!loopback_.is_virtual(peer.address)) return false;
    direct_.sockets_of(flow).send({FarLoopback::real(peer.address), peer.port}, payload, false);
    return true;
  }

 private:
  FarLoopback loopback_;
  const UdpDirect& direct_;
};

}  // namespace tfunnel::proxy
