// Whose address is it?
#pragma once

#include "common/core/address.hpp"

namespace tfunnel::io {

/// Does this host, or this network namespace, keep packets for `address`, since it is one of its own, broadcast or
/// multicast? Asked of the routing tables (rtnetlink(7)): bind(2) agrees to any address where
/// net.ipv4.ip_nonlocal_bind or net.ipv6.ip_nonlocal_bind is set. False if the kernel cannot be asked.
bool is_local_address(const core::Address& address);

}  // namespace tfunnel::io
