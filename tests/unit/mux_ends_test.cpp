// How flows end: in either order, crossing, early, late; each end hears of it once, and ids come free.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

void expect_empty(const MuxPair& pair) {
  EXPECT_EQ(pair.client.mux.flow_count(), 0U);
  EXPECT_EQ(pair.proxy.mux.flow_count(), 0U);
  for (const auto& end : pair.client.ends) EXPECT_EQ(end->ends(), 1U);
  for (const auto& end : pair.proxy.ends) EXPECT_EQ(end->ends(), 1U);
}

TEST(MuxEnds, HalfCloseByTheClientFirst) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->send(bytes_of("request"));
  near->finish();
  pair.run();
  EXPECT_EQ(far->fins, 1U);
  EXPECT_EQ(far->received, bytes_of("request"));
  far->send(pattern(500'000));
  pair.run();
  EXPECT_EQ(near->received.size(), 500'000U) << "the other direction goes on";
  far->finish();
  pair.run();
  EXPECT_EQ(near->fins + near->finished + far->finished, 3U);
  expect_empty(pair);
}

TEST(MuxEnds, HalfCloseByTheProxyFirst) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  far->finish();
  pair.run();
  EXPECT_EQ(near->fins, 1U);
  near->send(pattern(500'000));
  near->finish();
  pair.run();
  EXPECT_EQ(far->received, pattern(500'000));
  expect_empty(pair);
}

TEST(MuxEnds, FinsThatCross) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->finish();
  far->finish();
  pair.run();
  EXPECT_EQ(near->finished + far->finished, 2U);
  expect_empty(pair);
}

TEST(MuxEnds, OpenDataAndFinBeforeTheFarSideAnswers) {
  MuxPair pair;
  const auto near = pair.client.open(tcp_request());
  near->send(bytes_of("all there is"));
  near->finish();
  pair.step(pair.client, pair.proxy);
  const auto far = pair.proxy.ends.at(0);
  EXPECT_EQ(far->received, bytes_of("all there is"));
  EXPECT_EQ(far->fins, 1U);
  far->finish();
  pair.run();
  expect_empty(pair);
}

TEST(MuxEnds, ResetArrivesWithItsReasonAndDropsWhatWasQueued) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  far->drains = false;
  near->send(pattern(1'000'000));
  pair.run();
  near->reset(Reason::peer_reset);
  pair.run();
  EXPECT_TRUE(far->reset_with(Reason::peer_reset));
  expect_empty(pair);
}

TEST(MuxEnds, ResetsThatCross) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->reset(Reason::peer_reset);
  far->reset(Reason::timed_out);
  pair.run();
  EXPECT_TRUE(near->resets.empty() && far->resets.empty());
  expect_empty(pair);
}

TEST(MuxEnds, ResetThatCrossesAFin) {
  for (const bool client_resets : {true, false}) {
    MuxPair pair;
    auto [near, far] = pair.connect();
    (client_resets ? near : far)->reset(Reason::peer_reset);
    (client_resets ? far : near)->finish();
    pair.run();
    expect_empty(pair);
  }
}

TEST(MuxEnds, ResetAfterOurOwnFinStillArrives) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->finish();
  pair.run();
  near->reset(Reason::peer_reset);
  pair.run();
  EXPECT_TRUE(far->reset_with(Reason::peer_reset));
  expect_empty(pair);
}

TEST(MuxEnds, ResetWithDataStillOnItsWay) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  far->send(pattern(30'000));
  const auto on_its_way = pair.proxy.fill();
  near->reset(Reason::peer_reset);
  ASSERT_FALSE(pair.client.receive(on_its_way));
  EXPECT_TRUE(near->received.empty());
  pair.run();
  expect_empty(pair);
}

TEST(MuxEnds, FlowGivenUpBeforeItsOpenWasSentLeavesNoTrace) {
  MuxPair pair;
  const auto near = pair.client.open(tcp_request());
  near->reset(Reason::peer_reset);
  pair.run();
  EXPECT_TRUE(pair.proxy.ends.empty());
  expect_empty(pair);
}

TEST(MuxEnds, RefusedFlowsGetTheReasonOfTheRefusal) {
  MuxPair pair;
  pair.proxy.on_accept = [](End&) { return false; };
  const auto denied = pair.client.open(tcp_request());
  pair.run();
  EXPECT_TRUE(denied->reset_with(Reason::denied));
  pair.proxy.on_accept = [](End& end) {
    end.reset(Reason::resource_limit);
    return true;
  };
  const auto limited = pair.client.open(tcp_request());
  pair.run();
  EXPECT_TRUE(limited->reset_with(Reason::resource_limit));
  expect_empty(pair);
}

TEST(MuxEnds, UdpFlowEndsFromEitherSide) {
  for (const bool client_ends : {true, false}) {
    MuxPair pair;
    auto [near, far] = pair.connect(udp_request());
    (client_ends ? far : near)->closes_on_fin = true;
    (client_ends ? near : far)->close();
    pair.run();
    expect_empty(pair);
  }
}

TEST(MuxEnds, UdpErrorOfAnEndedFlowIsNotSent) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  far->closes_on_fin = true;
  pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.7", 7), Reason::refused);
  far->close();
  near->closes_on_fin = true;
  pair.run();
  expect_empty(pair);
}

TEST(MuxEnds, LateCreditAndResetAreIgnored) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->finish();
  far->finish();
  pair.run();
  wire::Frame credit;
  credit.mutable_credit()->set_flow(1);
  credit.mutable_credit()->set_bytes(1000);
  wire::Frame reset;
  reset.mutable_reset()->set_flow(1);
  for (auto* side : {&pair.client, &pair.proxy}) {
    EXPECT_FALSE(side->receive(delimited(credit)));
    EXPECT_FALSE(side->receive(delimited(reset)));
  }
  EXPECT_FALSE(pair.client.mux.has_output());
}

TEST(MuxEnds, LateDrainingAfterTheEndGrantsNothing) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  far->drains = false;
  near->send(pattern(60'000));
  near->finish();
  pair.run();
  far->drain(60'000);
  EXPECT_TRUE(without_acks(pair.proxy.fill()).empty());
}

TEST(MuxEnds, LostLinkEndsEveryFlowOnce) {
  MuxPair pair;
  pair.connect();
  pair.connect(udp_request());
  pair.client.open(tcp_request());  // its Open is not even sent
  pair.client.ends[0]->finish();
  for (auto* side : {&pair.client, &pair.proxy}) side->mux.abandon();
  for (const auto& end : pair.client.ends) EXPECT_TRUE(end->reset_with(Reason::cancelled));
  expect_empty(pair);
}

TEST(MuxEnds, LinkLostInTheMiddleOfAPayload) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->send(pattern(1000));
  const auto bytes = pair.client.fill();
  ASSERT_FALSE(pair.proxy.receive(core::ByteView(bytes).first(500)));
  pair.proxy.mux.abandon();
  EXPECT_TRUE(far->reset_with(Reason::cancelled));
  EXPECT_EQ(far->received.size() < 500, true);
}

TEST(MuxEnds, WordsOfAResetArriveOnceAndOnlyPrintable) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  pair.proxy.mux.reset(*far->flow(), Reason::upstream_refused, "403 \x1b[2J\n\xff" + std::string(5000, 'x'));
  pair.run();
  ASSERT_EQ(pair.client.words.size(), 1U);
  const auto& words = pair.client.words[0];
  EXPECT_TRUE(words.starts_with("403 ?[2J??x")) << words;
  EXPECT_LE(words.size(), core::longest_words);
  EXPECT_TRUE(std::ranges::all_of(words, [](char c) { return c >= 0x20 && c < 0x7f; })) << words;
  EXPECT_TRUE(pair.proxy.words.empty()) << "the answer has none";
  near.reset();
}

TEST(MuxEnds, ResetOfAnOldFarEndHasNoWords) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  pair.proxy.mux.reset(*far->flow(), Reason::refused);
  pair.run();
  EXPECT_TRUE(pair.client.words.empty());
}

}  // namespace
}  // namespace tfunnel::test
