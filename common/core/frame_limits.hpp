// How large frames, and what is in them, may be.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/core/address.hpp"

namespace tfunnel::core {

using FlowId = std::uint32_t;

/// The largest frame, without its length prefix, that either side may send.
constexpr std::size_t max_frame_size = (1U << 20) + 64;
/// A control frame is parsed into a message object, so it has a tighter limit.
constexpr std::size_t max_control_size = 16U << 10;
/// Of the words that may come with a Reset (bytes).
constexpr std::size_t longest_words = 300;
/// The largest UDP payload: 65,535 less the UDP header. Over IPv4 its own header has to fit in as well.
constexpr std::size_t max_datagram_payload = 65'527;
constexpr std::size_t max_datagram_payload_v4 = 65'507;
/// The size that an end accepts whose Hello says nothing about it.
constexpr std::size_t default_max_datagram = max_datagram_payload_v4;
/// Room for any header that write_data_header() can produce.
constexpr std::size_t max_data_header = 24;
/// Room for any header that write_datagram_header() can produce.
constexpr std::size_t max_datagram_header = 64;

/// The largest UDP payload to or from `address`.
std::size_t largest_datagram(const Address& address);

}  // namespace tfunnel::core
