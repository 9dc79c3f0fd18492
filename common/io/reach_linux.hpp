// Where this host has routes to, by rtnetlink(7).
#pragma once

#include "common/core/reach.hpp"

namespace tfunnel::io {

/// The networks of all routes that there are, in whatever table a rule may choose: so there may be more than a given
/// packet would find, never fewer. Without the loopback's, and without what is of one link only (IPv6 link-local,
/// multicast). A family of which the kernel tells nothing, or too much, is left out. Costs one look through the routes
/// until a default route is found.
core::Reach routed_networks();

}  // namespace tfunnel::io
