// What a frame must fulfil, whichever end sends it.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "common/core/flow_request.hpp"
#include "common/core/frame_limits.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

// What comes in is judged by these rules, and so is all that goes out, before it is put into a batch: a frame which the
// far end refuses would cost every flow the link. Each function returns the error that a receiver ends the link with.

/// The largest sum of credit that one side may hold unused on a flow.
constexpr std::uint64_t max_send_credit = 1ULL << 30;

/// A control frame of `size` bytes without its length prefix.
boost::system::error_code check_control_size(std::size_t size);
/// What a control frame says, as far as that can be judged by itself.
boost::system::error_code check_control(const wire::Frame& frame);

/// `payload` bytes for an end that accepts up to `limit`.
boost::system::error_code check_datagram(std::size_t payload, std::size_t limit = max_datagram_payload);

/// A flow as the sender of a frame stands to it.
struct SendingSide {
  Transport transport;
  bool opened_it;
  bool ended;  // its Fin or Reset went before the frame
};
/// A frame of that kind, for that flow.
boost::system::error_code check_for_flow(wire::Frame::KindCase kind, const SendingSide& side);

/// What an Open asks for; nothing if it is incomplete or has a bad address.
std::optional<FlowRequest> request_of(const wire::Open& open);

/// `text` as a string field may carry it: valid UTF-8, with '?' for what is not, and at most `most` bytes of it.
std::string wire_text(std::string_view text, std::size_t most);

}  // namespace tfunnel::core
