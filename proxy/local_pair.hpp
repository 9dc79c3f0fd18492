// Two connected TCP sockets of this process.
#pragma once

#include <utility>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// What socketpair(2) would give if it knew TCP: for code that must stand between a relay and a connection, and yet
/// look like one. Made over the loopback, in no time; a stranger who connects in between is turned away.
/// Errors: what the system says (too many open files, no loopback).
result<std::pair<tcp::socket, tcp::socket>> local_pair(asio::io_context& context);

}  // namespace tfunnel::proxy
