// Where this host has routes to, as far as any POSIX system tells.
#pragma once

#include "common/core/reach.hpp"

namespace tfunnel::proxy {

/// A family of which this host has neither an address beyond its own loopback and links, nor a route to anywhere, has
/// no networks. Nothing is said of any other: what routes there are is not known.
core::Reach reach_by_addresses();

}  // namespace tfunnel::proxy
