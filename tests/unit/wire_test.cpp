// Frames that the fast path writes are read by protobuf, and the reverse; in any pieces.
#include "common/core/wire.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::ByteView;
using core::ControlFrame;
using core::DatagramHeader;
using core::DataHeader;
using core::NeedMore;
using core::parse_frame;

wire::Frame frame_of(const Bytes& delimited_frame) {
  // The prefix is at most three bytes here; protobuf's own varint rules apply.
  std::size_t prefix = 1;
  while ((delimited_frame[prefix - 1] & 0x80) != 0) ++prefix;
  wire::Frame frame;
  EXPECT_TRUE(frame.ParseFromArray(delimited_frame.data() + prefix, static_cast<int>(delimited_frame.size() - prefix)));
  return frame;
}

Bytes data_frame(core::FlowId flow, const Bytes& payload) {
  Bytes header(core::max_data_header);
  header.resize(core::write_data_header(header.data(), flow, payload.size()));
  return header + payload;
}

Bytes datagram_frame(core::FlowId flow, const core::Endpoint& peer, const Bytes& payload) {
  Bytes header(core::max_datagram_header);
  header.resize(core::write_datagram_header(header.data(), flow, peer, payload.size()));
  return header + payload;
}

/// The bytes of a flow's Data, header and payload in any form that the parser may report them.
std::vector<wire::Frame> one_of_each_control_frame() {
  std::vector<wire::Frame> frames(14);
  frames[0].mutable_hello()->set_software("x");
  frames[0].mutable_hello()->set_initial_credit(65536);
  frames[1].mutable_open()->set_flow(1);
  frames[1].mutable_open()->mutable_source()->set_address("abcd");
  frames[2].mutable_opened()->set_flow(1);
  frames[3].mutable_credit()->set_bytes(70000);
  frames[4].mutable_fin()->set_flow(1);
  frames[5].mutable_reset()->set_reason(wire::REASON_REFUSED);
  frames[6].mutable_datagram_error()->set_flow(300);
  frames[7].mutable_ping()->set_token(1ULL << 60);
  frames[8].mutable_pong()->set_token(1);
  frames[9].mutable_ack()->set_bytes(1);
  frames[10].mutable_go_away()->set_message("over");
  frames[11].mutable_drain()->set_number(3);
  frames[12].mutable_remaining()->set_bytes(1ULL << 40);
  return frames;  // the last one is empty
}

TEST(Wire, DataHeaderOfTheFastPathParsesAsTheGeneratedFrame) {
  for (const core::FlowId flow : {1U, 127U, 128U, 70'000U, 0xffff'ffffU}) {
    for (const std::size_t size : {1U, 100U, 127U, 128U, 16'383U, 65'536U, 1U << 20}) {
      const auto payload = pattern(size);
      const auto frame = frame_of(data_frame(flow, payload));
      EXPECT_EQ(frame.data().flow(), flow);
      EXPECT_EQ(bytes_of(frame.data().payload()), payload);
    }
  }
}

TEST(Wire, DatagramHeaderOfTheFastPathParsesAsTheGeneratedFrame) {
  for (const auto* address : {"192.0.2.1", "2001:db8::1", "::"}) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 1472U, 65'507U}) {
      const auto payload = pattern(size);
      const auto frame = frame_of(datagram_frame(0xffff'ffffU, endpoint(address, 65'535), payload));
      EXPECT_EQ(frame.datagram().flow(), 0xffff'ffffU);
      EXPECT_EQ(core::endpoint_from_wire(frame.datagram().peer()), endpoint(address, 65'535));
      EXPECT_EQ(bytes_of(frame.datagram().payload()), payload);
    }
  }
}

TEST(Wire, GeneratedDataFrameIsReadByTheFastPath) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(1234);
  frame.mutable_data()->set_payload("payload");
  const auto bytes = delimited(frame);
  const auto data = std::get<DataHeader>(parse_frame(bytes).value());
  EXPECT_EQ(data.flow, 1234U);
  EXPECT_EQ(data.payload, 7U);
  EXPECT_EQ(data.size + data.payload, bytes.size());
}

TEST(Wire, GeneratedDatagramFrameIsReadByTheFastPath) {
  wire::Frame frame;
  auto& datagram = *frame.mutable_datagram();
  datagram.set_flow(5);
  core::endpoint_to_wire(endpoint("2001:db8::2", 53), *datagram.mutable_peer());
  for (const auto* payload : {"x", "longer payload"}) {
    datagram.set_payload(payload);
    const auto bytes = delimited(frame);
    const auto parsed = std::get<DatagramHeader>(parse_frame(bytes).value());
    EXPECT_EQ(parsed.flow, 5U);
    EXPECT_EQ(parsed.peer, endpoint("2001:db8::2", 53));
    EXPECT_EQ(bytes_of(payload), Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(parsed.size), bytes.end()));
  }
}

TEST(Wire, ControlFramesSurviveTheRoundTrip) {
  for (const auto& frame : one_of_each_control_frame()) {
    std::vector<std::uint8_t> bytes;
    core::append_frame(bytes, frame);
    EXPECT_EQ(bytes, delimited(frame));
    const auto control = std::get<ControlFrame>(parse_frame(bytes).value());
    EXPECT_EQ(control.frame.SerializeAsString(), frame.SerializeAsString());
    EXPECT_EQ(control.size, bytes.size());
  }
}

TEST(Wire, ControlFramesSplitAtEveryByteParseTheSame) {
  for (const auto& frame : one_of_each_control_frame()) {
    const auto bytes = delimited(frame);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      const auto parsed = parse_frame(ByteView(bytes).first(n));
      ASSERT_TRUE(parsed.has_value()) << frame.kind_case() << " cut to " << n;
      EXPECT_TRUE(std::holds_alternative<NeedMore>(*parsed)) << frame.kind_case() << " cut to " << n;
    }
  }
}

TEST(Wire, DataHeaderIsReportedAsSoonAsItIsCompleteAndNotBefore) {
  const auto bytes = data_frame(300, pattern(1000));
  const auto header = bytes.size() - 1000;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto parsed = parse_frame(ByteView(bytes).first(n));
    ASSERT_TRUE(parsed.has_value()) << "cut to " << n;
    EXPECT_EQ(std::holds_alternative<DataHeader>(*parsed), n >= header) << "cut to " << n;
  }
}

// The most that a fast link's frames may hold, with the longest flow id.
TEST(Wire, DataFrameOfAWholeMebibyteIsLegal) {
  Bytes header(core::max_data_header);
  header.resize(core::write_data_header(header.data(), 0xffff'ffff, 1U << 20));
  const auto parsed = parse_frame(header);
  ASSERT_TRUE(parsed) << parsed.error().message();
  ASSERT_TRUE(std::holds_alternative<DataHeader>(*parsed));
  EXPECT_EQ(std::get<DataHeader>(*parsed).payload, 1U << 20);
}

TEST(Wire, DatagramIsReportedOnlyWhole) {
  const auto bytes = datagram_frame(2, endpoint("192.0.2.9", 9), pattern(200));
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const auto parsed = parse_frame(ByteView(bytes).first(n));
    ASSERT_TRUE(parsed.has_value()) << "cut to " << n;
    EXPECT_EQ(std::holds_alternative<DatagramHeader>(*parsed), n == bytes.size()) << "cut to " << n;
  }
}

TEST(Wire, WhatFollowsAFrameDoesNotChangeIt) {
  for (const auto& frame : one_of_each_control_frame()) {
    const auto bytes = delimited(frame);
    const auto control = std::get<ControlFrame>(parse_frame(bytes + pattern(50)).value());
    EXPECT_EQ(control.size, bytes.size());
  }
}

TEST(Wire, UnknownFieldsBeforeThePayloadAreSkipped) {
  // Data: field 7 (varint), field 9 (3 bytes), then the known fields, as a newer peer may write them.
  const auto message = std::string("\x38\x05\x4a\x03zzz\x08\x0b\x7a\x04", 11) + "data";
  const auto bytes = delimited("\x22" + varint(message.size()) + message);
  for (std::size_t n = 0; n + 4 < bytes.size(); ++n) {
    EXPECT_TRUE(std::holds_alternative<NeedMore>(parse_frame(ByteView(bytes).first(n)).value())) << n;
  }
  const auto data = std::get<DataHeader>(parse_frame(bytes).value());
  EXPECT_EQ(data.flow, 11U);
  EXPECT_EQ(data.payload, 4U);
  EXPECT_EQ(data.size + 4, bytes.size());
}

TEST(Wire, UnknownFrameKindsAreSkippedWhole) {
  const auto bytes = delimited(std::string("\xa2\x06\x03zzz", 6));  // field 100 of Frame
  const auto control = std::get<ControlFrame>(parse_frame(bytes).value());
  EXPECT_EQ(control.frame.kind_case(), wire::Frame::KIND_NOT_SET);
  EXPECT_EQ(control.size, bytes.size());
}

TEST(Wire, PaddedVarintsMeanTheSame) {
  const auto message = "\x08" + varint(11, 5) + "\x7a" + varint(4, 3) + "data";
  const auto frame = "\x22" + varint(message.size(), 4) + message;
  for (std::size_t width = 1; width <= 5; ++width) {
    const auto bytes = bytes_of(varint(frame.size(), width) + frame);
    const auto data = std::get<DataHeader>(parse_frame(bytes).value());
    EXPECT_EQ(data.flow, 11U);
    EXPECT_EQ(data.payload, 4U);
    EXPECT_EQ(data.size + 4, bytes.size());
  }
}

TEST(Wire, EmptyFramesAreHarmless) {
  const auto control = std::get<ControlFrame>(parse_frame(Bytes{0}).value());
  EXPECT_EQ(control.size, 1U);
  EXPECT_EQ(control.frame.kind_case(), wire::Frame::KIND_NOT_SET);
  EXPECT_TRUE(std::holds_alternative<NeedMore>(parse_frame({}).value()));
}

TEST(Wire, EmptyPayloadMayBeLeftOutAsProtobufDoes) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(1);
  for (const auto& bytes : {delimited(std::string("\x22\x04\x08\x01\x7a\x00", 6)), delimited(frame)}) {
    const auto data = std::get<DataHeader>(parse_frame(bytes).value());
    EXPECT_EQ(data.flow, 1U);
    EXPECT_EQ(data.payload, 0U);
    EXPECT_EQ(data.size, bytes.size());
  }
  frame.mutable_datagram()->set_flow(1);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *frame.mutable_datagram()->mutable_peer());
  const auto bytes = delimited(frame);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_TRUE(std::holds_alternative<NeedMore>(parse_frame(ByteView(bytes).first(n)).value())) << n;
  }
  EXPECT_EQ(std::get<DatagramHeader>(parse_frame(bytes).value()).payload, 0U);
}

}  // namespace
}  // namespace tfunnel::test
