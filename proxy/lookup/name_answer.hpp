// The result of a look-up of a name.
#pragma once

#include <boost/system/error_code.hpp>

#include <type_traits>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

enum class NameError {
  // Above errno, whose numbers mean something else.
  not_found = 1001,  // there is no such name
  no_address,        // there is, but it has no address
  no_answer,         // no nameserver answered in time
  no_server,         // no nameserver can be reached
  failed,            // a nameserver's trouble, or an answer that makes no sense
};

boost::system::error_code make_error_code(NameError error);
/// Is it one of these?
bool is_name_error(const boost::system::error_code& error);

struct NameAnswer {
  std::vector<core::Address> addresses;  // the best first (RFC 6724); none: `error` says why
  boost::system::error_code error;
  core::Duration good_for{};  // how long addresses may be used
};

}  // namespace tfunnel::proxy

template <>
struct boost::system::is_error_code_enum<tfunnel::proxy::NameError> : std::true_type {};
