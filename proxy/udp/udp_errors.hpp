// ICMP errors that an unconnected UDP socket got back, where the system tells.
#pragma once

#include <vector>

#include "common/core/reason.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

struct UdpError {
  core::Endpoint peer;
  core::Reason reason;
};

/// Asks the system to keep the errors of `socket` for read_udp_errors().
void keep_udp_errors(udp::socket& socket);

/// All errors since the last call; nothing on systems that report none for unconnected sockets.
std::vector<UdpError> read_udp_errors(udp::socket& socket);

}  // namespace tfunnel::proxy
