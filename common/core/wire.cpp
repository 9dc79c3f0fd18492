#include "common/core/wire.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cassert>

#include "common/core/frame_rules.hpp"

namespace tfunnel::core {

namespace {

using boost::system::result;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t delimited(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}
constexpr std::uint32_t varint(int field) { return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT); }
constexpr std::uint32_t data_tag = delimited(wire::Frame::kDataFieldNumber);
constexpr std::uint32_t datagram_tag = delimited(wire::Frame::kDatagramFieldNumber);
constexpr std::uint32_t flow_tag = varint(wire::Data::kFlowFieldNumber);
constexpr std::uint32_t peer_tag = delimited(wire::Datagram::kPeerFieldNumber);
constexpr std::uint32_t payload_tag = delimited(wire::Data::kPayloadFieldNumber);
static_assert(static_cast<int>(wire::Data::kPayloadFieldNumber) == wire::Datagram::kPayloadFieldNumber &&
              static_cast<int>(wire::Data::kFlowFieldNumber) == wire::Datagram::kFlowFieldNumber);

// A header with unknown fields of a newer version before the payload may grow up to this.
constexpr std::size_t max_header_scan = 1024;

CodedInputStream reader(ByteView bytes) { return CodedInputStream(bytes.data(), static_cast<int>(bytes.size())); }

/// The bytes before a payload: the fields of Data, or of Datagram, and the payload's length.
struct PayloadPrefix {
  FlowId flow = 0;
  std::string peer;
  std::uint64_t payload = 0;
  std::size_t size = 0;
};

/// Reads fields up to the payload's first byte, or to `frame_end`, since an empty payload may
/// be left out. False: the bytes end too early or are nonsense.
bool read_payload_prefix(CodedInputStream& in, std::size_t frame_end, PayloadPrefix& prefix) {
  for (;;) {
    if (static_cast<std::size_t>(in.CurrentPosition()) == frame_end) return true;
    const auto tag = in.ReadTag();
    if (tag == 0) return false;
    if (tag == payload_tag) return in.ReadVarint64(&prefix.payload);
    if (tag == flow_tag) {
      if (!in.ReadVarint32(&prefix.flow)) return false;
    } else if (tag == peer_tag) {
      std::uint32_t length = 0;
      if (!in.ReadVarint32(&length) || length > max_datagram_header) return false;
      if (!in.ReadString(&prefix.peer, static_cast<int>(length))) return false;
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return false;
    }
  }
}

result<Parsed> datagram_of(const PayloadPrefix& prefix) {
  wire::Endpoint peer;
  if (!peer.ParseFromString(prefix.peer)) return ProtocolError::malformed_frame;
  const auto endpoint = endpoint_from_wire(peer);
  if (!endpoint) return ProtocolError::malformed_frame;
  return DatagramHeader{prefix.flow, *endpoint, prefix.payload, prefix.size};
}

/// A header that cannot be read: more bytes may help, unless all that could belong to it is there.
result<Parsed> incomplete(ByteView seen, bool whole) {
  if (whole || seen.size() == max_header_scan) return ProtocolError::malformed_frame;
  return Parsed{NeedMore{}};
}

/// `frame` starts after the length prefix of `prefix_size` bytes and holds what has arrived of
/// `length` bytes; its tag says that it is Data or Datagram.
result<Parsed> parse_payload_frame(ByteView frame, std::size_t length, std::size_t prefix_size, bool datagram) {
  const bool whole = frame.size() >= length;
  const auto seen = frame.first(std::min({frame.size(), length, max_header_scan}));
  auto in = reader(seen);
  in.ReadTag();
  std::uint64_t message = 0;
  if (!in.ReadVarint64(&message)) return incomplete(seen, whole);
  const auto message_at = static_cast<std::size_t>(in.CurrentPosition());
  PayloadPrefix prefix;
  if (!read_payload_prefix(in, length, prefix)) return incomplete(seen, whole);
  const auto header = static_cast<std::size_t>(in.CurrentPosition());
  if (message_at + message != length || header + prefix.payload != length) return ProtocolError::payload_not_last;
  prefix.size = prefix_size + header;
  if (!datagram) return Parsed{DataHeader{prefix.flow, prefix.payload, prefix.size}};
  if (const auto error = check_datagram(prefix.payload)) return error;
  if (!whole) return Parsed{NeedMore{}};
  return datagram_of(prefix);
}

result<Parsed> parse_control_frame(ByteView frame, std::size_t length, std::size_t prefix_size) {
  if (const auto error = check_control_size(length)) return error;
  if (frame.size() < length) return Parsed{NeedMore{}};
  ControlFrame control;
  if (!control.frame.ParseFromArray(frame.data(), static_cast<int>(length))) return ProtocolError::malformed_frame;
  // Something stood before them: legal protobuf, but it cannot be read without a copy.
  if (control.frame.has_data() || control.frame.has_datagram()) return ProtocolError::payload_not_last;
  control.size = prefix_size + length;
  return Parsed{std::move(control)};
}

}  // namespace

result<Parsed> parse_frame(ByteView bytes) {
  std::uint64_t length = 0;
  auto in = reader(bytes.first(std::min<std::size_t>(bytes.size(), 5)));
  if (!in.ReadVarint64(&length)) {
    if (bytes.size() >= 5) return ProtocolError::malformed_frame;
    return Parsed{NeedMore{}};
  }
  if (length > max_frame_size) return ProtocolError::frame_too_large;
  const auto prefix_size = static_cast<std::size_t>(in.CurrentPosition());
  const auto frame = bytes.subspan(prefix_size);
  if (length > 0 && frame.empty()) return Parsed{NeedMore{}};
  // Field numbers below 16 have one-byte tags, so the first byte tells payload frames from others.
  const auto tag = length > 0 ? frame.front() : 0U;
  if (tag == data_tag || tag == datagram_tag) {
    return parse_payload_frame(frame, length, prefix_size, tag == datagram_tag);
  }
  return parse_control_frame(frame, length, prefix_size);
}

std::size_t write_data_header(std::uint8_t* out, FlowId flow, std::size_t payload) {
  const auto size = static_cast<std::uint32_t>(payload);
  const auto fields = 1 + CodedOutputStream::VarintSize32(flow) + 1 + CodedOutputStream::VarintSize32(size);
  const auto message = static_cast<std::uint32_t>(fields) + size;
  const auto frame = 1 + static_cast<std::uint32_t>(CodedOutputStream::VarintSize32(message)) + message;
  auto* at = CodedOutputStream::WriteVarint32ToArray(frame, out);
  at = CodedOutputStream::WriteTagToArray(data_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(message, at);
  at = CodedOutputStream::WriteTagToArray(flow_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(flow, at);
  at = CodedOutputStream::WriteTagToArray(payload_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(size, at);
  return static_cast<std::size_t>(at - out);
}

std::size_t write_datagram_header(std::uint8_t* out, FlowId flow, const Endpoint& peer, std::size_t payload) {
  wire::Endpoint endpoint;
  endpoint_to_wire(peer, endpoint);
  const auto peer_size = static_cast<std::uint32_t>(endpoint.ByteSizeLong());
  const auto size = static_cast<std::uint32_t>(payload);
  const auto fields =
      1 + CodedOutputStream::VarintSize32(flow) + 2 + peer_size + 1 + CodedOutputStream::VarintSize32(size);
  const auto message = static_cast<std::uint32_t>(fields) + size;
  const auto frame = 1 + static_cast<std::uint32_t>(CodedOutputStream::VarintSize32(message)) + message;
  auto* at = CodedOutputStream::WriteVarint32ToArray(frame, out);
  at = CodedOutputStream::WriteTagToArray(datagram_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(message, at);
  at = CodedOutputStream::WriteTagToArray(flow_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(flow, at);
  at = CodedOutputStream::WriteTagToArray(peer_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(peer_size, at);
  at = endpoint.SerializeWithCachedSizesToArray(at);
  at = CodedOutputStream::WriteTagToArray(payload_tag, at);
  at = CodedOutputStream::WriteVarint32ToArray(size, at);
  return static_cast<std::size_t>(at - out);
}

void append_frame(std::vector<std::uint8_t>& out, const wire::Frame& frame) {
  const auto size = static_cast<std::uint32_t>(frame.ByteSizeLong());
  assert(size <= max_control_size);
  const auto start = out.size();
  out.resize(start + CodedOutputStream::VarintSize32(size) + size);
  auto* at = CodedOutputStream::WriteVarint32ToArray(size, out.data() + start);
  frame.SerializeWithCachedSizesToArray(at);
}

}  // namespace tfunnel::core
