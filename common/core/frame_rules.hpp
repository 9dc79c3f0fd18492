// The rules that a frame must fulfil, from either end.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "common/core/flow_request.hpp"
#include "common/core/frame_limits.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

// Frames that come in are judged by these rules, and so are all that go out, before they are put into a batch: one that
// the far end refuses would cost every flow the link. Each function returns the error that a receiver ends the link
// with.

/// The largest sum of credit that one side may hold unused on a flow.
constexpr std::uint64_t max_send_credit = 1ULL << 30;

/// A control frame of `size` bytes without its length prefix.
boost::system::error_code check_control_size(std::size_t size);
/// Judges a control frame, as far as that is possible by itself.
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

/// The request in an Open; nothing if it is incomplete or has a bad address.
std::optional<FlowRequest> request_of(const wire::Open& open);

/// `text` as a string field may carry it: valid UTF-8, with '?' for other bytes, and at most `most` bytes of it.
std::string wire_text(std::string_view text, std::size_t most);

}  // namespace tfunnel::core
