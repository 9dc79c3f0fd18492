// Hears that datagrams were too big for the way to a program.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>

#include "common/core/address.hpp"
#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Reads ICMPv6 "packet too big". The kernel heeds it for the packets of its own sockets only, not for those that a raw
/// socket has sent; and routers fragment IPv4 but not IPv6. Anybody may forge one, so the receiver judges what it gets.
class TooBigListener {
 public:
  /// `program` is the receiver of the datagram, whether or not we sent it.
  using Heard = std::function<void(const core::Endpoint& program)>;
  /// `socket` is from open_too_big(); a closed one hears nothing.
  TooBigListener(asio::io_context& context, io::Descriptor socket, Heard heard);
  /// Hears no more.
  void close();

 private:
  void read_later();
  void read();

  asio::posix::stream_descriptor socket_;
  Heard heard_;
};

}  // namespace tfunnel::client
