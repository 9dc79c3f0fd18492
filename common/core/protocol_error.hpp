// Faults of the peer: each ends the link with a message, never the process by an abort.
#pragma once

#include <boost/system/error_code.hpp>

namespace tfunnel::core {

enum class ProtocolError {
  frame_too_large = 1,
  malformed_frame,
  payload_not_last,
  unexpected_hello,
  missing_hello,
  same_role,
  bad_flow_id,
  unknown_flow,
  too_many_flows,
  credit_overrun,
  credit_overflow,
  data_after_end,
  bad_open,
  wrong_direction,
  wrong_transport,
};

const boost::system::error_category& protocol_category();

inline boost::system::error_code make_error_code(ProtocolError error) {
  return {static_cast<int>(error), protocol_category()};
}

}  // namespace tfunnel::core

template <>
struct boost::system::is_error_code_enum<tfunnel::core::ProtocolError> : std::true_type {};
