// Where the kernel would send a packet.
#pragma once

#include "client/doctor/facts.hpp"

namespace tfunnel::client {

/// Of one from here to that address, with that mark; 0: without. Nothing is sent.
Way way_to(const core::Address& to, std::uint32_t mark);

}  // namespace tfunnel::client
