// The wire format: delimited Frame messages, with the payload of Data and Datagram as raw bytes at
// the end. proto/PROTOCOL.md is the contract. Pure: bytes in, facts out.
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/protocol_error.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

using ByteView = std::span<const std::uint8_t>;
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
/// What an end accepts whose Hello says nothing about it.
constexpr std::size_t default_max_datagram = max_datagram_payload_v4;
/// Room for any header that write_data_header() can produce.
constexpr std::size_t max_data_header = 24;
/// Room for any header that write_datagram_header() can produce.
constexpr std::size_t max_datagram_header = 64;

/// More bytes are needed before anything can be said.
struct NeedMore {};
/// A whole control frame, `size` bytes with its prefix.
struct ControlFrame {
  wire::Frame frame;
  std::size_t size = 0;
};
/// The header of a Data frame, `size` bytes; `payload` raw bytes follow.
struct DataHeader {
  FlowId flow = 0;
  std::size_t payload = 0;
  std::size_t size = 0;
};
/// A whole Datagram frame is in the buffer: `payload` bytes after the `size` bytes of its header.
struct DatagramHeader {
  FlowId flow = 0;
  Endpoint peer;
  std::size_t payload = 0;
  std::size_t size = 0;
};
using Parsed = std::variant<NeedMore, ControlFrame, DataHeader, DatagramHeader>;

/// Reads what stands at a frame boundary. `bytes` may hold any number of bytes, also none. A Data
/// header is reported as soon as it is complete, so that its payload can be moved without a copy;
/// everything else only when the whole frame is there.
/// Errors: ProtocolError; the link cannot be used after one.
boost::system::result<Parsed> parse_frame(ByteView bytes);

/// Writes the bytes that come before `payload` bytes of Data. Returns how many of the
/// max_data_header bytes at `out` were used.
std::size_t write_data_header(std::uint8_t* out, FlowId flow, std::size_t payload);

/// The same for a Datagram, with max_datagram_header bytes at `out`.
std::size_t write_datagram_header(std::uint8_t* out, FlowId flow, const Endpoint& peer, std::size_t payload);

/// The largest UDP payload to or from `address`.
std::size_t largest_datagram(const Address& address);

/// A control frame with its length prefix. REQUIRES: at most max_control_size bytes of it.
void append_frame(std::vector<std::uint8_t>& out, const wire::Frame& frame);

/// An address from the link; nothing if it has a bad length or port.
std::optional<Endpoint> endpoint_from_wire(const wire::Endpoint& endpoint);
void endpoint_to_wire(const Endpoint& endpoint, wire::Endpoint& out);

}  // namespace tfunnel::core
