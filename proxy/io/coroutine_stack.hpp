// The stack of what waits for an upstream or a destination.
#pragma once

#include <boost/context/fixedsize_stack.hpp>

namespace tfunnel::proxy {

/// 64 KiB: room for Asio, and for TLS where an egress speaks it. Pages that are not touched cost nothing.
inline boost::context::fixedsize_stack coroutine_stack() { return boost::context::fixedsize_stack(64U << 10); }

}  // namespace tfunnel::proxy
