// A UDP server's view of its visitors.
#pragma once

#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {

/// The far end's own resolver.
inline const core::Endpoint resolver = endpoint("198.18.0.53", 53);

/// The next datagram at a server: the payload, and where it came from.
struct Letter {
  Bytes payload;
  sockaddr_storage from{};
  socklen_t from_size = sizeof from;
};
Letter receive_letter(Socket& socket);
void answer_letter(Socket& socket, const Letter& to, const Bytes& payload);

}  // namespace tfunnel::test
