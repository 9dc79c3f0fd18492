// Where applications find routes to.
#pragma once

#include "common/core/reach.hpp"

namespace tfunnel::client {

/// The networks that the far end has routes to, and tfunnel's own ranges, where its virtual addresses are; everything,
/// if the far end does not tell. In order, and none within another.
core::Reach::Networks routed_networks(const core::Reach& reach, bool is_v4);
/// Is `address` in one of them?
bool is_routed(const core::Reach& reach, const core::Address& address);

}  // namespace tfunnel::client
