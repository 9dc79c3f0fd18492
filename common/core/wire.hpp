// The wire format: delimited Frame messages, with the payload of Data and Datagram as raw bytes at
// the end. proto/PROTOCOL.md is the contract. Pure: bytes in, facts out.
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/bytes.hpp"
#include "common/core/frame_limits.hpp"
#include "common/core/protocol_error.hpp"
#include "common/core/wire_endpoint.hpp"

namespace tfunnel::core {

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

/// A control frame with its length prefix. REQUIRES: at most max_control_size bytes of it.
void append_frame(std::vector<std::uint8_t>& out, const wire::Frame& frame);

}  // namespace tfunnel::core
