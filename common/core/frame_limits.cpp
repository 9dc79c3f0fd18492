#include "common/core/frame_limits.hpp"

namespace tfunnel::core {

std::size_t largest_datagram(const Address& address) {
  return address.is_v4() ? max_datagram_payload_v4 : max_datagram_payload;
}

}  // namespace tfunnel::core
