// Greeting and Hello that are said again reach whoever missed them, and disturb nobody.
#include <gtest/gtest.h>

#include "common/core/greeting.hpp"
#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

class RepeatedGreeting : public testing::Test {
 protected:
  Bytes said_again(Side& side) {
    side.mux.repeat_greeting();
    return side.fill();
  }

  /// The bytes behind the first greeting in `bytes`.
  static core::ByteView behind_greeting(const Bytes& bytes) {
    core::GreetingSearch search;
    const auto taken = search.feed(bytes);
    EXPECT_EQ(search.verdict(), core::GreetingSearch::Verdict::found);
    return core::ByteView(bytes).subspan(taken);
  }

  /// Both have greeted; a flow carries data both ways, and nothing is taken to be on its way in the end.
  void expect_that_all_works() {
    pair.run();
    EXPECT_EQ(pair.client.hellos.size(), 1U);
    EXPECT_EQ(pair.proxy.hellos.size(), 1U);
    const auto [near, far] = pair.connect();
    Random random(1);
    const auto payload = random.bytes(300'000);
    near->send(payload);
    far->send(payload);
    pair.run();
    EXPECT_EQ(far->received, payload);
    EXPECT_EQ(near->received, payload);
    for (auto* side : {&pair.client, &pair.proxy}) EXPECT_LT(side->mux.pacer().in_flight(), 1024U);
  }

  MuxPair pair{MuxPair::Strangers()};
};

TEST_F(RepeatedGreeting, WhoMissedTheFirstsGoesOnFromALaterOne) {
  pair.client.fill();
  for (int n = 0; n < 40; ++n) said_again(pair.client);
  const auto heard = said_again(pair.client) + said_again(pair.client);
  ASSERT_FALSE(pair.client.receive(pair.proxy.fill()));
  EXPECT_FALSE(pair.proxy.receive(behind_greeting(heard)));
  expect_that_all_works();
}

TEST_F(RepeatedGreeting, WhoHeardTheFirstSkipsTheOthers) {
  auto heard = pair.client.fill();
  for (int n = 0; n < 3; ++n) append(heard, said_again(pair.client));
  EXPECT_FALSE(pair.proxy.receive(heard));
  ASSERT_FALSE(pair.client.receive(pair.proxy.fill()));
  expect_that_all_works();
}

TEST_F(RepeatedGreeting, IsNothingThatThePacerWaitsFor) {
  pair.client.fill();
  const auto before = pair.client.mux.pacer().in_flight();
  for (int n = 0; n < 100; ++n) said_again(pair.client);
  EXPECT_EQ(pair.client.mux.pacer().in_flight(), before);
}

TEST_F(RepeatedGreeting, GoesBeforeAllElse) {
  pair.client.fill();
  ASSERT_FALSE(pair.client.receive(pair.proxy.fill()));
  pair.client.mux.ping();
  const auto bytes = said_again(pair.client);
  const auto first = core::parse_frame(bytes);
  ASSERT_TRUE(first.has_value() && std::holds_alternative<core::ControlFrame>(*first));
  EXPECT_TRUE(std::get<core::ControlFrame>(*first).frame.has_repeated_greeting());
}

TEST_F(RepeatedGreeting, DoesNotComeBeforeTheFirst) {
  pair.client.mux.repeat_greeting();
  const auto bytes = pair.client.fill();
  const auto first = core::parse_frame(bytes);
  ASSERT_TRUE(first.has_value() && std::holds_alternative<core::ControlFrame>(*first));
  EXPECT_TRUE(std::get<core::ControlFrame>(*first).frame.has_hello());
}

TEST_F(RepeatedGreeting, AcknowledgementOfMoreThanWasSentWithThemIsRefused) {
  const auto hello = pair.client.fill();
  const auto again = said_again(pair.client);
  ASSERT_FALSE(pair.client.receive(pair.proxy.fill()));
  wire::Frame ack;
  ack.mutable_ack()->set_bytes(hello.size() + again.size() + 1000);
  Bytes bytes;
  core::append_frame(bytes, ack);
  EXPECT_EQ(pair.client.receive(bytes), core::ProtocolError::malformed_frame);
}

}  // namespace
}  // namespace tfunnel::test
