// Frames that no peer may send: each gives its error, none a crash, a hang or silence.
#include <gtest/gtest.h>

#include "common/core/wire.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::parse_frame;
using core::ProtocolError;

boost::system::error_code error_of(const Bytes& bytes) {
  const auto parsed = parse_frame(bytes);
  return parsed ? boost::system::error_code() : parsed.error();
}

Bytes data_message(const std::string& message) { return delimited("\x22" + varint(message.size()) + message); }
Bytes datagram_message(const std::string& message) { return delimited("\x42" + varint(message.size()) + message); }

TEST(WireErrors, OversizeFrameIsRefusedAtItsLength) {
  EXPECT_EQ(error_of(bytes_of(varint(core::max_frame_size + 1))), ProtocolError::frame_too_large);
  EXPECT_EQ(error_of(bytes_of(varint(0xffff'ffff))), ProtocolError::frame_too_large);
  EXPECT_FALSE(error_of(bytes_of(varint(core::max_frame_size))));
}

TEST(WireErrors, OversizeControlFrameIsNotCollected) {
  EXPECT_EQ(error_of(bytes_of(varint(core::max_control_size + 1) + "\x0a")), ProtocolError::frame_too_large);
  EXPECT_FALSE(error_of(bytes_of(varint(core::max_control_size) + "\x0a")));
}

TEST(WireErrors, OversizeDatagramIsNotCollected) {
  const auto fields = std::string("\x08\x01\x7a") + varint(core::max_datagram_payload + 1);
  const auto message = varint(fields.size() + core::max_datagram_payload + 1);
  const auto frame = "\x42" + message + fields;
  EXPECT_EQ(error_of(bytes_of(varint(frame.size() + core::max_datagram_payload + 1) + frame)),
            ProtocolError::malformed_frame);
}

TEST(WireErrors, LengthBeyond32BitsIsNotCutToASmallOne) {
  // 2^32 + 2: a reader that drops the high bits takes the next two bytes for a frame.
  EXPECT_TRUE(error_of(bytes_of(varint((1ULL << 32) + 2) + std::string("\x52\x00", 2))));
}

TEST(WireErrors, EndlessLengthIsRefused) {
  EXPECT_EQ(error_of(bytes_of("\x80\x80\x80\x80\x80")), ProtocolError::malformed_frame);
  EXPECT_FALSE(error_of(bytes_of("\x80\x80\x80\x80")));
}

TEST(WireErrors, PayloadMustBeTheLastField) {
  // The flow id behind the payload, in Data and in Datagram.
  EXPECT_EQ(error_of(data_message("\x7a\x02zz\x08\x01")), ProtocolError::payload_not_last);
  EXPECT_EQ(error_of(datagram_message("\x7a\x02zz\x08\x01")), ProtocolError::payload_not_last);
  // A field of Frame behind Data.
  EXPECT_EQ(error_of(delimited(std::string("\x22\x06\x08\x01\x7a\x02zz\x52\x00", 10))),
            ProtocolError::payload_not_last);
}

TEST(WireErrors, PayloadLongerThanItsFrameIsRefused) {
  EXPECT_EQ(error_of(data_message("\x08\x01\x7a\x7fzz")), ProtocolError::payload_not_last);
}

// A Data frame that does not start with its own tag takes the slow path. It may be refused, but its
// payload may not vanish as if it were a frame of an unknown kind.
TEST(WireErrors, DataBehindAnUnknownFieldIsNotSilentlyDropped) {
  for (const auto& prefix : {std::string("\xa0\x06\x01"), std::string()}) {
    const auto tag = prefix.empty() ? std::string("\xa2\x80\x00", 3) : std::string("\x22");
    const auto parsed = parse_frame(delimited(prefix + tag + std::string("\x06\x08\x01\x7a\x02zz", 7)));
    const bool ignored = parsed && std::holds_alternative<core::ControlFrame>(*parsed);
    EXPECT_FALSE(ignored);
  }
}

TEST(WireErrors, HeaderThatNeverEndsIsRefusedEarly) {
  const auto junk = std::string("\x4a") + varint(500'000) + std::string(2000, 'z');
  const auto frame = "\x22" + varint(600'000) + junk;
  EXPECT_EQ(error_of(bytes_of(varint(600'004) + frame)), ProtocolError::malformed_frame);
}

TEST(WireErrors, DatagramWithABadPeerIsRefused) {
  EXPECT_EQ(error_of(datagram_message("\x08\x01\x12\x03\x0a\x01z\x7a\x01z")), ProtocolError::malformed_frame);
  EXPECT_EQ(error_of(datagram_message(std::string("\x08\x01\x12\x7f") + std::string(127, 'z') + "\x7a\x01z")),
            ProtocolError::malformed_frame);
  EXPECT_EQ(error_of(datagram_message("\x08\x01\x7a\x01z")), ProtocolError::malformed_frame) << "no peer at all";
}

TEST(WireErrors, ControlFrameThatIsNoMessageIsRefused) {
  EXPECT_EQ(error_of(delimited("\x0a\x7f")), ProtocolError::malformed_frame);
  EXPECT_EQ(error_of(delimited(std::string("\x00\x00", 2))), ProtocolError::malformed_frame);
}

TEST(WireErrors, RandomBytesNeverCrashAndNeverClaimMoreThanThereIs) {
  Random random(1);
  for (int i = 0; i < 200'000; ++i) {
    auto bytes = random.bytes(random.below(80));
    // Half of them start like a real payload frame, so that the header parser gets its share.
    if (bytes.size() > 2 && random.one_in(2)) bytes[1] = random.one_in(2) ? 0x22 : 0x42;
    const auto parsed = parse_frame(bytes);
    if (!parsed) continue;
    if (const auto* control = std::get_if<core::ControlFrame>(&*parsed)) {
      ASSERT_LE(control->size, bytes.size());
      ASSERT_GT(control->size, 0U);
    }
    if (const auto* data = std::get_if<core::DataHeader>(&*parsed)) {
      ASSERT_LE(data->size, bytes.size());
    }
    if (const auto* datagram = std::get_if<core::DatagramHeader>(&*parsed)) {
      ASSERT_LE(datagram->size + datagram->payload, bytes.size());
    }
  }
}

TEST(WireErrors, MutatedFramesNeverCrash) {
  wire::Frame frame;
  auto& open = *frame.mutable_open();
  open.set_flow(1);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *open.mutable_source());
  core::endpoint_to_wire(endpoint("2001:db8::1", 2), *open.mutable_destination());
  const auto good = delimited(frame);
  Random random(2);
  for (int i = 0; i < 100'000; ++i) {
    auto bytes = good;
    for (auto n = random.below(4) + 1; n > 0; --n) bytes[random.below(bytes.size())] ^= 1U << random.below(8);
    static_cast<void>(parse_frame(bytes));
  }
}

TEST(WireErrors, EndpointsOfBadLengthOrPortAreNone) {
  wire::Endpoint wire;
  for (const std::size_t length : {0U, 3U, 5U, 15U, 17U}) {
    wire.set_address(std::string(length, 'z'));
    EXPECT_FALSE(core::endpoint_from_wire(wire).has_value()) << length;
  }
  wire.set_address("abcd");
  wire.set_port(65'536);
  EXPECT_FALSE(core::endpoint_from_wire(wire).has_value());
  wire.set_port(65'535);
  EXPECT_TRUE(core::endpoint_from_wire(wire).has_value());
}

}  // namespace
}  // namespace tfunnel::test
