// The names that all of io, client and proxy use for Asio, and the way between its addresses and ours.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include "common/core/address.hpp"

namespace tfunnel {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;
using boost::system::result;

namespace io {

/// IPv4-mapped addresses become IPv4, so a dual-stack socket's addresses come out right. Scope ids
/// are lost: a link-local address means nothing at the other end of a tunnel.
core::Address from_asio(const asio::ip::address& address);
asio::ip::address to_asio(const core::Address& address);

template <class AsioEndpoint>
core::Endpoint from_asio(const AsioEndpoint& endpoint) {
  return {from_asio(endpoint.address()), endpoint.port()};
}
template <class Protocol>
typename Protocol::endpoint to_asio(const core::Endpoint& endpoint) {
  return {to_asio(endpoint.address), endpoint.port};
}

}  // namespace io
}  // namespace tfunnel
