// Frames that neither end may send, judged alike on the way out and on the way in.
#include "common/core/frame_rules.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::ProtocolError;
using core::wire_text;

/// The text as protobuf's own reader takes it; nothing if it refuses.
std::optional<std::string> read_back(const std::string& text) {
  wire::GoAway sent;
  sent.set_message(text);
  wire::GoAway got;
  return got.ParseFromString(sent.SerializePartialAsString()) ? std::optional(got.message()) : std::nullopt;
}

TEST(FrameRules, TextOfAnyBytesCanBeReadAtTheFarEnd) {
  Random random(21);
  for (int round = 0; round < 2000; ++round) {
    const auto bytes = random.bytes(random.below(40));
    const auto most = random.below(50);
    const auto text = wire_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, most);
    ASSERT_LE(text.size(), most);
    ASSERT_EQ(read_back(text), text);
  }
}

TEST(FrameRules, GoodTextIsLeftAloneAndCutBetweenCharacters) {
  const std::string text = "plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80";
  EXPECT_EQ(wire_text(text, 100), text);
  EXPECT_EQ(wire_text("\xc3\xa9\xc3\xa9", 3), "\xc3\xa9");
  EXPECT_EQ(wire_text("a\xff"
                      "b",
                      10),
            "a?b");
}

TEST(FrameRules, LongOrUnreadableTextIsNoFrame) {
  wire::Frame frame;
  frame.mutable_go_away()->set_message("\xff");
  EXPECT_EQ(core::check_control(frame), ProtocolError::malformed_frame);
  frame.mutable_go_away()->set_message(std::string(core::max_control_size, 'x'));
  EXPECT_EQ(core::check_control_size(frame.ByteSizeLong()), ProtocolError::frame_too_large);
  frame.mutable_go_away()->set_message("an end");
  EXPECT_FALSE(core::check_control(frame));
  EXPECT_FALSE(core::check_control_size(frame.ByteSizeLong()));
}

TEST(FrameRules, ADatagramFitsAnIpPacketOfItsFamily) {
  EXPECT_EQ(core::largest_datagram(endpoint("192.0.2.1", 1).address), 65'535U - 20 - 8);
  EXPECT_EQ(core::largest_datagram(endpoint("2001:db8::1", 1).address), 65'535U - 8);
  EXPECT_FALSE(core::check_datagram(core::max_datagram_payload));
  EXPECT_EQ(core::check_datagram(core::max_datagram_payload + 1), ProtocolError::malformed_frame);
}

}  // namespace
}  // namespace tfunnel::test
