// Sends packets that seem to come from the peers of captured UDP flows.
#pragma once

#include <cstdint>

#include "client/capture/narrow_paths.hpp"
#include "client/capture/packet.hpp"
#include "common/io/asio.hpp"
#include "common/io/datagram_writer.hpp"
#include "common/io/descriptor.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Two raw sockets serve all peers (needs CAP_NET_RAW). A transparent socket bound to each peer's
/// address would cost a descriptor each, fail with EADDRINUSE beside a local daemon on the same
/// port, and take datagrams that are meant for that daemon.
class RawSender {
 public:
  /// Two raw sockets; a closed one: the system lacks the family. It must outlive what deliver() leaves for the end of
  /// the event loop's round.
  RawSender(asio::io_context& context, io::Descriptor v4, io::Descriptor v6, const io::Log& log);

  /// A datagram from `peer` to the application at `application`. It goes out before the event loop waits again. False:
  /// no packet can carry it.
  bool deliver(const core::Endpoint& peer, const core::Endpoint& application, core::ByteView payload);
  /// Tells `application` that its datagram to `peer` did not arrive.
  void deliver_error(const core::Endpoint& peer, const core::Endpoint& application, core::Reason reason);
  /// A router has told that a datagram was too big for the way to `application`: the next ones go in small fragments.
  void path_is_narrow(const core::Address& application);

 private:
  /// A family's socket, and what goes out with the next flush.
  struct Way {
    io::Descriptor socket;
    io::DatagramWriter waiting{false};
  };

  void send(const Packet& packet, const core::Address& to);
  void add(Way& way, const udp::endpoint& to, const Packet& packet);
  void flush_later();
  void flush(Way& way);
  void failed(int socket, const udp::endpoint& to, core::ByteView packet, error_code error);

  asio::io_context& context_;
  const io::Log& log_;
  Way v4_;
  Way v6_;
  NarrowPaths narrow_;
  bool flush_due_ = false;
  std::uint32_t next_id_ = 1;
};

}  // namespace tfunnel::client
