// This machine's routing, asked for and changed over rtnetlink(7).
#pragma once

#include <string>

#include "client/rules/system_routing.hpp"
#include "common/core/address.hpp"

namespace tfunnel::client {

/// Throws boost::system::system_error.
RoutingFacts look_at_routing();

/// The name of the network card by which a packet without marks would leave; empty: there is no route.
std::string card_to(const core::Address& to, const core::Address& from);

/// Throws boost::system::system_error if a rule, or a route of the loopback device, cannot be added. A network card may
/// lack a family, and takes no route then.
void add(const Routing& routing);

/// What is gone already is no error.
void remove(const Routing& routing);

}  // namespace tfunnel::client
