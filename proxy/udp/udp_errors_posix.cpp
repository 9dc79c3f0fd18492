// POSIX has no way to learn which peer of an unconnected socket was unreachable.
#include "proxy/udp/udp_errors.hpp"

namespace tfunnel::proxy {

void keep_udp_errors(udp::socket& /*socket*/) {}

std::vector<UdpError> read_udp_errors(udp::socket& /*socket*/) { return {}; }

}  // namespace tfunnel::proxy
