// From a descriptor that was made elsewhere to Asio.
#pragma once

#include <sys/socket.h>

#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Makes an Asio socket or acceptor of a descriptor of either family.
template <class Socket>
Socket adopt(asio::io_context& context, io::Descriptor socket) {
  using Protocol = typename Socket::protocol_type;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  Socket adopted(context, address.ss_family == AF_INET ? Protocol::v4() : Protocol::v6(), socket.get());
  static_cast<void>(socket.release());
  return adopted;
}

}  // namespace tfunnel::client
