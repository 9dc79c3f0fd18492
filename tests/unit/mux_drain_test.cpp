// The talk of the two ends before an orderly end.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

/// A far end of an older release: its Hello has no features.
void greet_without_features(Side& side) {
  wire::Frame frame;
  frame.mutable_hello()->set_role(wire::ROLE_PROXY);
  frame.mutable_hello()->set_initial_credit(65'536);
  frame.mutable_hello()->set_max_flows(10);
  Bytes bytes;
  core::append_frame(bytes, frame);
  ASSERT_FALSE(side.receive(bytes));
}

TEST(MuxDrain, QuestionAndAnswerPassBothWays) {
  MuxPair pair;
  for (auto* asker : {&pair.client, &pair.proxy}) {
    auto& other = asker == &pair.client ? pair.proxy : pair.client;
    asker->mux.drain(1);
    asker->mux.drain(2);
    pair.run();
    EXPECT_EQ(other.drains, (std::vector<std::uint32_t>{2})) << "only the newest is of use";
    wire::Remaining remaining;
    remaining.set_number(2);
    remaining.set_bytes(1ULL << 40);
    other.mux.tell(remaining);
    pair.run();
    ASSERT_EQ(asker->answers.size(), 1U);
    EXPECT_EQ(asker->answers[0].SerializeAsString(), remaining.SerializeAsString());
  }
}

TEST(MuxDrain, OlderFarEndIsNotAsked) {
  Side client(wire::ROLE_CLIENT, {.accepts = false});
  client.fill();
  greet_without_features(client);
  EXPECT_FALSE(client.mux.peer_drains());
  EXPECT_TRUE(MuxPair().client.mux.peer_drains());
}

TEST(MuxDrain, QuestionComesBehindWhatIsInBatchesAlready) {
  MuxPair pair;
  const auto [near, far] = pair.connect();
  near->send(bytes_of("last words"));
  near->finish();
  while (pair.client.mux.has_output()) pair.step(pair.client, pair.proxy);
  EXPECT_FALSE(pair.client.mux.control_waits());
  pair.client.mux.drain(1);
  pair.proxy.drains.clear();
  pair.step(pair.client, pair.proxy);
  ASSERT_EQ(pair.proxy.drains.size(), 1U);
  EXPECT_EQ(far->received, bytes_of("last words"));
  EXPECT_EQ(far->fins, 1U);
}

TEST(MuxDrain, WhoIsToEndRefusesNewFlowsAndKeepsTheOldOnes) {
  MuxPair pair;
  const auto [old_near, old_far] = pair.connect();
  pair.proxy.mux.accept_no_more();
  const auto late = pair.client.open(tcp_request(2000));
  pair.run();
  EXPECT_TRUE(late->reset_with(Reason::cancelled));
  old_near->send(bytes_of("x"));
  pair.run();
  EXPECT_EQ(old_far->received, bytes_of("x"));
}

}  // namespace
}  // namespace tfunnel::test
