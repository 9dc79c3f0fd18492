// The answers of a SOCKS5 proxy, and the faults that they may have.
#pragma once

#include <boost/system/error_code.hpp>

#include <type_traits>

#include "common/core/reason.hpp"
#include "proxy/egress/ask_again.hpp"

namespace tfunnel::proxy {

/// Values up to 255 are reply codes: the first eight of RFC 1928, 6, the others of nobody, or Tor's (its proposal 304).
enum class Socks5Error {
  general_failure = 1,
  not_allowed = 2,
  network_unreachable = 3,
  host_unreachable = 4,
  refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
  onion_not_found = 0xf0,
  onion_invalid = 0xf1,
  onion_no_introduction = 0xf2,
  onion_no_rendezvous = 0xf3,
  onion_wants_authorization = 0xf4,
  onion_bad_authorization = 0xf5,
  onion_bad_address = 0xf6,
  onion_timed_out = 0xf7,
  not_socks5 = 1000,
  speaks_http,
  speaks_tls,
  no_acceptable_method,
  credentials_rejected,
  closed_at_password,
  malformed_reply,
  closed_early,
  name_too_long,
};

boost::system::error_code make_error_code(Socks5Error error);

/// The reason by which the application at the other end should learn of it: of a failed destination its own fault, of
/// everything else that the upstream proxy refused.
core::Reason reason_of(Socks5Error error);

/// As the answer to a request.
AskAgain ask_again_after(Socks5Error error);

}  // namespace tfunnel::proxy

template <>
struct boost::system::is_error_code_enum<tfunnel::proxy::Socks5Error> : std::true_type {};
