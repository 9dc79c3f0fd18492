// Sends packets that seem to come from the peers of captured UDP flows.
#pragma once

#include <cstdint>

#include "client/packet.hpp"
#include "common/io/asio.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Two raw sockets serve all peers (needs CAP_NET_RAW). A transparent socket bound to each peer's
/// address would cost a descriptor each, fail with EADDRINUSE beside a local daemon on the same
/// port, and take datagrams that are meant for that daemon.
class RawSender {
 public:
  /// `mark` is the fwmark of our own packets, which capture rules leave alone.
  /// Throws boost::system::system_error without CAP_NET_RAW. A family that the system lacks is left out.
  explicit RawSender(std::uint32_t mark, const io::Log& log);
  ~RawSender();
  RawSender(const RawSender&) = delete;
  RawSender& operator=(const RawSender&) = delete;

  /// A datagram from `peer` to the application at `application`.
  void deliver(const core::Endpoint& peer, const core::Endpoint& application, core::ByteView payload);
  /// Tells `application` that its datagram to `peer` did not arrive.
  void deliver_error(const core::Endpoint& peer, const core::Endpoint& application, core::Reason reason);

 private:
  void send(const Packet& packet, const core::Address& to);
  error_code send_whole(const Packet& packet, const core::Address& to) const;

  const io::Log& log_;
  int v4_ = -1;
  int v6_ = -1;
  std::uint32_t next_id_ = 1;
};

}  // namespace tfunnel::client
