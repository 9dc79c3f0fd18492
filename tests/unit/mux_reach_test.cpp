// The far end tells where it has routes to, at first and whenever that changes.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Network;
using core::Reach;

const Reach v4_only{Reach::Networks{Network::of(core::Address::v4({}), 0)}, Reach::Networks{}};
const Reach v6_only{Reach::Networks{}, Reach::Networks{Network::of(core::Address(), 0)}};

class MuxReach : public testing::Test {
 protected:
  Reach told_in_hello() { return *core::reach_from_wire(pair.client.hellos.at(0).families()); }

  MuxPair pair{MuxPair::Strangers()};
};

TEST_F(MuxReach, HelloSaysItAndNothingIsSaidTwice) {
  pair.proxy.mux.tell_reach(v4_only);
  pair.run();
  EXPECT_EQ(told_in_hello(), v4_only);
  pair.proxy.mux.tell_reach(v4_only);
  pair.run();
  EXPECT_TRUE(pair.client.reaches.empty());
}

TEST_F(MuxReach, ChangeIsToldAndTheNewestCounts) {
  pair.run();
  EXPECT_EQ(told_in_hello(), Reach());
  pair.proxy.mux.tell_reach(v4_only);
  pair.proxy.mux.tell_reach(v6_only);
  pair.run();
  EXPECT_EQ(pair.client.reaches, std::vector{v6_only});
  pair.proxy.mux.tell_reach(Reach());
  pair.run();
  EXPECT_EQ(pair.client.reaches.back(), Reach()) << "nothing is known any more";
}

// A far end that missed the first greeting counts from a later one on: frames between them would count at one end only.
TEST_F(MuxReach, ChangeBeforeAnybodyListensWaitsAndTheGreetingIsTheSameAgain) {
  pair.proxy.mux.tell_reach(v4_only);
  const auto lost = pair.proxy.fill();
  pair.proxy.mux.tell_reach(v6_only);
  EXPECT_TRUE(without_acks(pair.proxy.fill()).empty());
  pair.proxy.mux.repeat_greeting();
  const auto again = pair.proxy.fill();
  EXPECT_TRUE(std::ranges::equal(core::ByteView(again).last(lost.size()), lost));
  ASSERT_FALSE(pair.client.receive(core::ByteView(again).last(lost.size())));
  ASSERT_FALSE(pair.proxy.receive(pair.client.fill()));
  pair.run();
  EXPECT_EQ(told_in_hello(), v4_only);
  EXPECT_EQ(pair.client.reaches, std::vector{v6_only});
  EXPECT_LT(pair.proxy.mux.pacer().in_flight(), 1024U);
}

TEST_F(MuxReach, ClientHasNothingToTell) {
  pair.client.mux.tell_reach(v4_only);
  pair.run();
  pair.client.mux.tell_reach(v6_only);
  pair.run();
  EXPECT_FALSE(pair.proxy.hellos.at(0).has_families());
  EXPECT_TRUE(pair.proxy.reaches.empty());
}

TEST_F(MuxReach, NonsenseEndsTheLink) {
  pair.run();
  wire::Frame frame;
  frame.mutable_families()->mutable_ipv4()->add_networks()->set_prefix(8);
  Bytes bytes;
  core::append_frame(bytes, frame);
  EXPECT_EQ(pair.client.receive(bytes), core::ProtocolError::malformed_frame);
}

}  // namespace
}  // namespace tfunnel::test
