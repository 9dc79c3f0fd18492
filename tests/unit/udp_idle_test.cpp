// When a UDP flow is over, and which one gives way.
#include <gtest/gtest.h>

#include <array>

#include "common/core/udp_idle.hpp"
#include "tests/unit/support/mux_pair.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using core::UdpIdle;
using Need = core::UdpIdleList::Need;

class UdpIdleFlows : public testing::Test {
 protected:
  void question_and_answer(UdpIdle& flow, core::Duration at) {
    list.watch(flow, start + at);
    list.used(flow, UdpIdle::Way::sent, start + at);
    list.used(flow, UdpIdle::Way::received, start + at);
  }
  void conversation(UdpIdle& flow, core::Duration at) {
    question_and_answer(flow, at);
    list.used(flow, UdpIdle::Way::sent, start + at + 3s);
  }
  UdpIdle* expired(core::Duration at) { return list.expired(start + at, timeouts); }
  UdpIdle* dispensable(core::Duration at, Need need = Need::id, const UdpIdle* but = nullptr) {
    return list.dispensable(start + at, timeouts, need, but);
  }

  core::UdpTimeouts timeouts{30s, 120s};
  core::UdpIdleList list;
  std::array<UdpIdle, 3> flows;
};

TEST_F(UdpIdleFlows, QuestionAndAnswerEndSoon) {
  question_and_answer(flows[0], 0s);
  EXPECT_EQ(expired(29s), nullptr);
  EXPECT_EQ(expired(30s), &flows[0]);
}

TEST_F(UdpIdleFlows, LateAnswerMakesNoConversation) {
  list.watch(flows[0], start);
  list.used(flows[0], UdpIdle::Way::sent, start);
  list.used(flows[0], UdpIdle::Way::received, start + 10s);
  EXPECT_EQ(expired(39s), nullptr);
  EXPECT_EQ(expired(40s), &flows[0]);
}

TEST_F(UdpIdleFlows, ManyDatagramsWithinTwoSecondsMakeNoConversation) {
  question_and_answer(flows[0], 0s);
  for (int i = 0; i < 100; ++i)
    list.used(flows[0], i % 2 == 0 ? UdpIdle::Way::sent : UdpIdle::Way::received, start + i * 20ms);
  EXPECT_EQ(expired(31s), nullptr);
  EXPECT_EQ(expired(32s), &flows[0]);
}

TEST_F(UdpIdleFlows, OneWayTrafficMakesNoConversation) {
  list.watch(flows[0], start);
  for (int i = 0; i < 10; ++i) list.used(flows[0], UdpIdle::Way::sent, start + i * 1s);
  EXPECT_EQ(expired(38s), nullptr);
  EXPECT_EQ(expired(39s), &flows[0]);
}

TEST_F(UdpIdleFlows, ConversationLivesForItsOwnTimeAndStaysOne) {
  conversation(flows[0], 0s);
  EXPECT_EQ(expired(122s), nullptr);
  EXPECT_EQ(expired(123s), &flows[0]);
  list.used(flows[0], UdpIdle::Way::received, start + 110s);
  EXPECT_EQ(expired(229s), nullptr);
  EXPECT_EQ(expired(230s), &flows[0]);
}

TEST_F(UdpIdleFlows, EachDatagramStartsTheClockAnew) {
  list.watch(flows[0], start);
  for (int i = 0; i < 10; ++i) {
    list.used(flows[0], UdpIdle::Way::sent, start + i * 29s);
    EXPECT_EQ(expired(i * 29s + 29s), nullptr);
  }
}

TEST_F(UdpIdleFlows, FlowWithoutAnyDatagramEndsToo) {
  list.watch(flows[0], start);
  EXPECT_EQ(expired(29s), nullptr);
  EXPECT_EQ(expired(30s), &flows[0]);
}

TEST_F(UdpIdleFlows, OnlyTheSilentOneOfMany) {
  for (auto& flow : flows) question_and_answer(flow, 0s);
  list.used(flows[0], UdpIdle::Way::sent, start + 1s);
  list.used(flows[2], UdpIdle::Way::received, start + 1s);
  EXPECT_EQ(expired(30s), &flows[1]);
  core::UdpIdleList::forget(flows[1]);
  EXPECT_EQ(expired(30s), nullptr);
  EXPECT_EQ(expired(31s), &flows[0]);
}

TEST_F(UdpIdleFlows, LongestSilentGivesWay) {
  for (std::size_t i = 0; i < flows.size(); ++i) question_and_answer(flows[i], std::chrono::seconds(i));
  EXPECT_EQ(dispensable(10s), &flows[0]);
  EXPECT_EQ(dispensable(10s, Need::id, &flows[0]), &flows[1]);
  list.used(flows[0], UdpIdle::Way::sent, start + 9s);
  EXPECT_EQ(dispensable(10s), &flows[1]);
}

TEST_F(UdpIdleFlows, AnsweredQuestionGivesWayBeforeAConversation) {
  conversation(flows[0], 0s);
  question_and_answer(flows[1], 10s);
  EXPECT_EQ(dispensable(13s), &flows[1]);
  // But one that is nearly over goes first.
  question_and_answer(flows[2], 110s);
  core::UdpIdleList::forget(flows[1]);
  EXPECT_EQ(dispensable(113s), &flows[0]);
}

TEST_F(UdpIdleFlows, WhoseAnswerMayBeUnderWayStaysWhileOthersAreSilent) {
  conversation(flows[0], 0s);
  question_and_answer(flows[1], 19s);
  EXPECT_EQ(dispensable(20s), &flows[0]);
}

TEST_F(UdpIdleFlows, WhereNoneIsSilentTheLongestSilentGivesWay) {
  for (std::size_t i = 0; i < flows.size(); ++i) question_and_answer(flows[i], i * 100ms);
  EXPECT_EQ(dispensable(300ms), &flows[0]);
}

TEST_F(UdpIdleFlows, ForADescriptorOnlyWhoHasOneGivesWay) {
  for (auto& flow : flows) question_and_answer(flow, 0s);
  EXPECT_EQ(dispensable(10s, Need::descriptor), nullptr);
  list.holds_descriptor(flows[1]);
  EXPECT_EQ(dispensable(10s, Need::descriptor), &flows[1]);
  EXPECT_EQ(dispensable(10s, Need::descriptor, &flows[1]), nullptr);
}

TEST_F(UdpIdleFlows, ClockThatWasReadEarlierKeepsTheOrder) {
  for (auto& flow : flows) question_and_answer(flow, 0s);
  list.used(flows[0], UdpIdle::Way::sent, start + 5s);
  list.used(flows[1], UdpIdle::Way::sent, start + 4s);
  list.used(flows[2], UdpIdle::Way::sent, start + 6s);
  EXPECT_EQ(dispensable(10s), &flows[1]);
}

TEST_F(UdpIdleFlows, DestroyedFlowLeaves) {
  {
    UdpIdle flow;
    list.watch(flow, start);
    EXPECT_FALSE(list.empty());
  }
  EXPECT_TRUE(list.empty());
}

TEST(UdpTimeouts, FarEndWaitsLongerThanTheClientLooksForSilentFlows) {
  // The client looks every quarter of the shorter time, and at least every 5 s.
  for (const core::Duration time : {core::Duration(1s), core::Duration(30s), core::Duration(600s)}) {
    const auto far = core::UdpTimeouts{time, time}.with_patience();
    EXPECT_GT(far.unreplied, time + std::min<core::Duration>(time / 4, 5s));
    EXPECT_LT(far.unreplied, time * 2);
  }
}

/// Ends of UDP flows that the mux may end, as all real ones are.
struct UdpPair : MuxPair {
  explicit UdpPair(std::size_t max_flows) : MuxPair({}, {.max_flows = max_flows}) {
    proxy.on_accept = [](End& end) { return end.closes_on_fin = true; };
  }
  /// The client's end, or null. It brings a datagram to the far side.
  std::shared_ptr<End> ask(std::uint16_t port, core::Time now) {
    client.mux.make_room(now);
    const auto end = client.open(udp_request(port));
    if (!end) return end;
    end->closes_on_fin = true;
    client.mux.watch(*end->flow(), now);
    end->send_datagram(endpoint("192.0.2.2", 53), pattern(40));
    run();
    return end;
  }
};

TEST(UdpFlowTable, NewFlowFindsAPlaceForEver) {
  UdpPair pair(128);
  for (std::uint16_t i = 1; i <= 1000; ++i) {
    ASSERT_NE(pair.ask(i, start + i * 1ms), nullptr) << i;
    ASSERT_EQ(pair.proxy.ends.back()->datagrams.size(), 1U);
  }
  EXPECT_GT(pair.client.mux.counters().flows_spared, 800U);
  EXPECT_LE(pair.client.mux.flow_count(), 128U);
  EXPECT_EQ(pair.client.mux.flow_count(), pair.proxy.mux.flow_count());
}

TEST(UdpFlowTable, FlowInUseStays) {
  UdpPair pair(128);
  const auto used = pair.ask(1, start);
  for (std::uint16_t i = 2; i <= 1000; ++i) {
    if (i % 10 == 0) pair.client.mux.used(*used->flow(), UdpIdle::Way::sent, start + i * 1ms);
    ASSERT_NE(pair.ask(i, start + i * 1ms), nullptr);
  }
  ASSERT_NE(used->flow(), nullptr);
  used->send_datagram(endpoint("192.0.2.2", 53), pattern(40));
  pair.run();
  EXPECT_EQ(pair.proxy.ends.front()->datagrams.size(), 2U);
}

TEST(UdpFlowTable, ConnectionsLeaveRoomForDatagramsAndTakeItFromThem) {
  UdpPair pair(128);
  for (std::uint16_t i = 1; i <= 100; ++i) ASSERT_NE(pair.ask(i, start), nullptr);
  std::uint16_t port = 1;
  const auto connect = [&] {
    pair.client.mux.make_room(start + 1s);
    const auto end = pair.client.open(tcp_request(port++));
    pair.run();
    return end;
  };
  while (connect()) {
  }
  EXPECT_EQ(pair.client.mux.flow_count(), 120U);
  EXPECT_EQ(pair.client.mux.counters().flows_spared, 100U);
  EXPECT_NE(pair.ask(2000, start + 1s), nullptr);
}

TEST(UdpFlowTable, SilentFlowsEndAtBothEndsAndOthersStay) {
  UdpPair pair(128);
  const auto silent = pair.ask(1, start);
  const auto other = pair.ask(2, start + 20s);
  EXPECT_TRUE(pair.client.mux.end_silent_flows(start + 30s));
  pair.run();
  EXPECT_EQ(silent->flow(), nullptr);
  EXPECT_NE(other->flow(), nullptr);
  EXPECT_EQ(pair.proxy.mux.flow_count(), 1U);
  EXPECT_FALSE(pair.client.mux.end_silent_flows(start + 50s));
}

TEST(UdpFlowTable, DatagramThatCrossesTheEndOfItsFlowIsCounted) {
  UdpPair pair(128);
  const auto near = pair.ask(1, start);
  pair.proxy.ends.back()->close();
  near->send_datagram(endpoint("192.0.2.2", 53), pattern(40));
  pair.run();
  EXPECT_EQ(pair.proxy.mux.counters().datagrams_dropped, 1U);
}

}  // namespace
}  // namespace tfunnel::test
