// Two TCP sockets connected to each other over the loopback.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <utility>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Both ends belong to this process: a connection from anybody else who found the port is dropped. TCP and
/// not socketpair(2), because the taker of an egress's stream expects TCP: half-closes, resets, its options.
/// Errors: the system's; operation_aborted when the coroutine is cancelled.
result<std::pair<tcp::socket, tcp::socket>> make_local_pair(asio::io_context& context,
                                                            const asio::yield_context& yield);

}  // namespace tfunnel::proxy
