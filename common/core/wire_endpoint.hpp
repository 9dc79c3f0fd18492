// Endpoints as messages have them.
#pragma once

#include <optional>

#include "common/core/address.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

/// An address from the link; nothing if it has a bad length or port.
std::optional<Endpoint> endpoint_from_wire(const wire::Endpoint& endpoint);
void endpoint_to_wire(const Endpoint& endpoint, wire::Endpoint& out);

}  // namespace tfunnel::core
