// Ends a connection that another process of ours holds.
#pragma once

#include "common/core/address.hpp"

namespace tfunnel::proxy {

/// Resets the TCP connection of this host from `source` to `destination`, if it belongs to a process of this process's
/// user; its holder, even a stopped one, sees ECONNABORTED (sock_diag(7), as `ss -K`). Also takes the rest of
/// one that has ended (TIME_WAIT). False if there is none, or the kernel has no such means (CONFIG_INET_DIAG_DESTROY).
bool end_own_connection(const core::Endpoint& source, const core::Endpoint& destination);

}  // namespace tfunnel::proxy
