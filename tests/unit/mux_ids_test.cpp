// Flow ids never collide, however many flows come and go: 2^31 a side, then around.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::FlowId;
using core::Reason;

void end_flow(MuxPair& pair, const std::shared_ptr<End>& near) {
  near->reset(Reason::peer_reset);
  pair.run();
}

/// Brings both sides' ids close to their end. An id may be at most 2^31 after the last one.
void advance_ids(MuxPair& pair, FlowId last) {
  for (const auto step : {FlowId(0x7000'0001), FlowId(0xe000'0001), last}) {
    pair.client.mux.start_ids_after(step);
    end_flow(pair, pair.connect().first);
  }
}

boost::system::error_code receive_late(Side& side, FlowId id) {
  wire::Frame reset;
  reset.mutable_reset()->set_flow(id);
  if (const auto error = side.receive(delimited(reset))) return error;
  wire::Frame credit;
  credit.mutable_credit()->set_flow(id);
  credit.mutable_credit()->set_bytes(1);
  return side.receive(delimited(credit));
}

TEST(MuxIds, AreOddFromTheClientAndEvenFromTheProxyAndNeverZero) {
  MuxPair pair;
  EXPECT_EQ(pair.client.open(tcp_request())->flow()->id, 1U);
  EXPECT_EQ(pair.client.open(tcp_request())->flow()->id, 3U);
  EXPECT_EQ(pair.proxy.open(tcp_request())->flow()->id, 2U);
  pair.proxy.mux.start_ids_after(FlowId(-4));
  EXPECT_EQ(pair.proxy.open(tcp_request())->flow()->id, FlowId(-2));
  EXPECT_EQ(pair.proxy.open(tcp_request())->flow()->id, 4U) << "0 is the link and 2 is in use";
}

TEST(MuxIds, WrapAroundIsAcceptedAndLiveIdsAreSkipped) {
  MuxPair pair;
  auto [first, first_far] = pair.connect();
  ASSERT_EQ(first->flow()->id, 1U);
  advance_ids(pair, FlowId(-9));
  std::vector<FlowId> ids;
  for (int i = 0; i < 8; ++i) {
    auto [near, far] = pair.connect();
    ids.push_back(near->flow()->id);
    near->send(bytes_of("x"));
    pair.run();
    EXPECT_EQ(far->received, bytes_of("x"));
    end_flow(pair, near);
  }
  EXPECT_EQ(ids, (std::vector<FlowId>{FlowId(-5), FlowId(-3), FlowId(-1), 3, 5, 7, 9, 11}));
  first->send(bytes_of("still mine"));
  pair.run();
  EXPECT_EQ(first_far->received, bytes_of("still mine"));
}

/// Opens and ends `count` flows from `side`; the last one's id.
FlowId spend_ids(MuxPair& pair, Side& side, int count) {
  FlowId id = 0;
  for (int i = 0; i < count; ++i) {
    const auto end = side.open(tcp_request());
    id = end->flow()->id;
    pair.run();
    end_flow(pair, end);
  }
  return id;
}

// Late frames are put in by hand and the pair not used again, for no peer sent them.
TEST(MuxIds, LateFramesAreStillIgnoredAroundTheWrap) {
  for (int count = 1; count <= 6; ++count) {
    MuxPair pair;
    advance_ids(pair, FlowId(-9));
    const auto last = spend_ids(pair, pair.client, count);
    for (const auto late : {last, FlowId(-7), FlowId(-5)}) {
      EXPECT_FALSE(receive_late(pair.client, late)) << "client, id " << late << " after " << last;
      EXPECT_FALSE(receive_late(pair.proxy, late)) << "proxy, id " << late << " after " << last;
    }
  }
}

TEST(MuxIds, LateFramesAreStillIgnoredAroundTheWrapOfReverseFlows) {
  for (int count = 1; count <= 6; ++count) {
    MuxPair pair;
    for (const auto step : {FlowId(0x7000'0000), FlowId(0xe000'0000), FlowId(-8)}) {
      pair.proxy.mux.start_ids_after(step);
      spend_ids(pair, pair.proxy, 1);
    }
    const auto last = spend_ids(pair, pair.proxy, count);
    for (const auto late : {last, FlowId(-6)}) {
      EXPECT_FALSE(receive_late(pair.client, late)) << "client, id " << late << " after " << last;
      EXPECT_FALSE(receive_late(pair.proxy, late)) << "proxy, id " << late << " after " << last;
    }
  }
}

TEST(MuxIds, IdThatWasNeverUsedIsStillUnknown) {
  MuxPair pair;
  EXPECT_EQ(receive_late(pair.proxy, 1), core::ProtocolError::unknown_flow);
  MuxPair other;
  end_flow(other, other.connect().first);
  EXPECT_EQ(receive_late(other.proxy, 3), core::ProtocolError::unknown_flow);
  EXPECT_EQ(receive_late(other.client, 3), core::ProtocolError::unknown_flow);
}

TEST(MuxIds, HundredThousandShortFlowsLeaveNothingBehind) {
  MuxPair pair;
  for (int i = 0; i < 100'000; ++i) {
    const auto near = pair.client.open(tcp_request());
    near->send(bytes_of("x"));
    near->finish();
    pair.step(pair.client, pair.proxy);
    ASSERT_EQ(pair.proxy.ends.size(), 1U);
    pair.proxy.ends[0]->finish();
    pair.step(pair.proxy, pair.client);
    ASSERT_EQ(near->finished, 1U);
    pair.client.ends.clear();
    pair.proxy.ends.clear();
  }
  pair.run();
  EXPECT_EQ(pair.client.mux.flow_count() + pair.proxy.mux.flow_count(), 0U);
  EXPECT_EQ(pair.client.budget.initial_credit(), core::MemoryBudget::max_initial_credit);
}

}  // namespace
}  // namespace tfunnel::test
