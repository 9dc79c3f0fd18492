// What a SOCKS5 proxy may answer, and what can be wrong with the answer.
#pragma once

#include <boost/system/error_code.hpp>

#include <type_traits>

#include "common/core/reason.hpp"
#include "proxy/ask_again.hpp"

namespace tfunnel::proxy {

/// The first eight values are the reply codes of RFC 1928, 6.
enum class Socks5Error {
  general_failure = 1,
  not_allowed = 2,
  network_unreachable = 3,
  host_unreachable = 4,
  refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
  unknown_reply = 100,
  not_socks5,
  no_acceptable_method,
  credentials_rejected,
  malformed_reply,
  closed_early,
  name_too_long,
};

boost::system::error_code make_error_code(Socks5Error error);

/// What the application at the other end should learn of it: of a failed destination its own fault, of everything else
/// that the upstream proxy refused.
core::Reason reason_of(Socks5Error error);

/// Is it a fault of the proxy or of how it is used, rather than of one destination?
bool concerns_proxy(Socks5Error error);

/// As the answer to a request.
AskAgain ask_again_after(Socks5Error error);

}  // namespace tfunnel::proxy

template <>
struct boost::system::is_error_code_enum<tfunnel::proxy::Socks5Error> : std::true_type {};
