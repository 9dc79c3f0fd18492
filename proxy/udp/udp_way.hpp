// The ways that a UDP datagram may take at the far end.
#pragma once

#include <string>
#include <utility>

#include "common/core/mux.hpp"

namespace tfunnel::proxy {

class UdpFlow;

/// Kept by a way for one flow: sockets, an association, questions. The flow owns it, so it may refer to the flow;
/// and each operation that it starts must hold the flow (UdpFlow::shared_from_this()) until it is done.
class UdpPart {
 public:
  UdpPart() = default;
  UdpPart(const UdpPart&) = delete;
  UdpPart& operator=(const UdpPart&) = delete;
  virtual ~UdpPart() = default;

  /// The flow is over: nothing comes or goes for it any more, and what is open should be closed. `link_ended`: nobody
  /// ended the flow itself, so datagrams that were taken before may still go out. Called once.
  virtual void on_over(bool link_ended) { static_cast<void>(link_ended); }
  /// For a part that listens (UdpFlow::listen()): `peer` answered, and the application will have it. `payload` is void
  /// after the call.
  virtual void on_received(const core::Endpoint& peer, core::ByteView payload) {
    static_cast<void>(peer);
    static_cast<void>(payload);
  }
  /// A few words for the flow table. `words` are those of the ways behind this one.
  [[nodiscard]] virtual std::string describe(std::string words) const { return words; }
};

/// One for all flows of a proxy. It must outlive the io_context's last handler.
class UdpWay {
 public:
  UdpWay() = default;
  UdpWay(const UdpWay&) = delete;
  UdpWay& operator=(const UdpWay&) = delete;
  virtual ~UdpWay() = default;

  /// The mux whose flows are served; before the first of them.
  virtual void serve(core::Mux& mux) { static_cast<void>(mux); }
  /// True: the datagram was taken, even if it gets no further. False: the next way is asked. `peer` is whom the
  /// application sends to, by the name that it knows; the access rules have let it pass. REQUIRES: the flow is not
  /// over. It may be when this returns true.
  virtual bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) = 0;
};

}  // namespace tfunnel::proxy
