// UDP that has no way out, because the upstream takes TCP only.
#pragma once

#include "common/io/log.hpp"
#include "proxy/access/no_proxy.hpp"
#include "proxy/udp/udp_way.hpp"

namespace tfunnel::proxy {

/// Answers each datagram at once with an error, which becomes ICMP port unreachable at the program: so QUIC
/// falls back to TCP in milliseconds and not after its time-out. Peers that `exceptions` names are left alone.
/// The first refusal is worth a log line; the flow table counts them all.
class UdpRefused final : public UdpWay {
 public:
  /// Both must outlive this.
  UdpRefused(const NoProxy& exceptions, const io::Log& log) : exceptions_(exceptions), log_(log) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override;

 private:
  const NoProxy& exceptions_;
  const io::Log& log_;
  bool told_ = false;
};

}  // namespace tfunnel::proxy
