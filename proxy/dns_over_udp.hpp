// One DNS query over UDP, from this host.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include "proxy/deadline.hpp"
#include "proxy/dns_message.hpp"

namespace tfunnel::proxy {

/// Asks `server` once and waits for the answer. Each query has a socket of its own, connected, with a port and an id
/// that only chance knows, so that nobody who cannot see it can answer it (RFC 5452). The answer has the query's id.
/// Errors: timed_out after `timeout`; no_buffer_space without a port; what the system says (connection_refused when
/// nobody listens there). REQUIRES: dns::is_query(query), at most dns::max_message bytes.
result<dns::Message> ask_over_udp(asio::io_context& context, const core::Endpoint& server, core::ByteView query,
                                  core::Duration timeout, asio::yield_context yield);

}  // namespace tfunnel::proxy
