// This machine's routing, asked for and changed over rtnetlink(7).
#pragma once

#include "client/rules/system_routing.hpp"

namespace tfunnel::client {

/// Throws boost::system::system_error.
RoutingFacts look_at_routing();

/// Throws boost::system::system_error if a rule, or a route of the loopback device, cannot be added. A network card may
/// lack a family, and takes no route then.
void add(const Routing& routing);

/// What is gone already is no error.
void remove(const Routing& routing);

}  // namespace tfunnel::client
