// Datagrams read several a system call, where the system can.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/core/wire.hpp"
#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::io {

/// Room for what one read brings. One serves any number of sockets, one after the other.
class DatagramReader {
 public:
  DatagramReader();

  /// To be called once for each UDP socket: lets the system hand over runs of datagrams as one
  /// (udp(7): UDP_GRO).
  static void prepare(int socket);
  /// To be called before prepare() for sockets that come and go.
  void keep_prepared();

  /// `original` is where the datagram was sent to, if the socket was asked to tell (ip(7):
  /// IP_RECVORIGDSTADDR); `payload` is void after the call.
  using Take = std::function<void(const core::Endpoint& from, const std::optional<core::Endpoint>& original,
                                  core::ByteView payload)>;
  /// Calls `take` for each datagram that one system call brings and returns how many reads' worth it was,
  /// at least 1. Errors: would_block when there is none; what an earlier ICMP message caused.
  result<std::size_t> read(int socket, const Take& take);

 private:
  Descriptor keeper_;
  std::vector<std::uint8_t> room_;
};

}  // namespace tfunnel::io
