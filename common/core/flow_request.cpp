#include "common/core/flow_request.hpp"

namespace tfunnel::core {

std::string FlowRequest::text() const {
  if (transport == Transport::udp) return "udp " + source.text();
  return "tcp " + source.text() + " -> " + destination.text();
}

}  // namespace tfunnel::core
