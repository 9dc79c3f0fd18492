// Bytes that go in at one end come out at the other, and nothing else does.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

TEST(Mux, OpenTellsTheFarSideWhoAskedForWhat) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  EXPECT_EQ(far->flow()->request.text(), "tcp 192.0.2.1:1000 -> 192.0.2.2:80");
  pair.proxy.mux.opened(*far->flow(), endpoint("192.0.2.9", 9));
  pair.run();
  EXPECT_EQ(near->opens, 1U);
}

TEST(Mux, HelloIsTheFirstFrameEvenIfTheFarSideSpokeFirst) {
  Side client(wire::ROLE_CLIENT);
  Side proxy(wire::ROLE_PROXY);
  ASSERT_FALSE(proxy.receive(client.fill()));
  const auto error = client.receive(proxy.fill());
  EXPECT_FALSE(error) << error.message();
}

TEST(Mux, BulkDataArrivesWholeInBothDirectionsAtOnce) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->send(pattern(3'000'000, 1));
  far->send(pattern(2'000'000, 2));
  pair.run();
  EXPECT_EQ(far->received, pattern(3'000'000, 1));
  EXPECT_EQ(near->received, pattern(2'000'000, 2));
}

TEST(Mux, BytesSplitAnywhereArriveTheSame) {
  for (std::size_t piece = 1; piece < 40; ++piece) {
    MuxPair pair;
    const auto near = pair.client.open(tcp_request());
    near->send(pattern(100));
    const auto udp = pair.client.open(udp_request());
    udp->send_datagram(endpoint("192.0.2.3", 3), pattern(50));
    near->finish();
    const auto bytes = pair.client.fill();
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto rest = core::ByteView(bytes).subspan(at);
      ASSERT_FALSE(pair.proxy.receive(rest.first(std::min(piece, rest.size()))));
    }
    ASSERT_EQ(pair.proxy.ends.size(), 2U);
    EXPECT_EQ(pair.proxy.ends[0]->received, pattern(100));
    EXPECT_EQ(pair.proxy.ends[0]->fins, 1U);
    EXPECT_EQ(pair.proxy.ends[1]->datagrams.at(0).second, pattern(50));
  }
}

TEST(Mux, DataBeforeTheFarConnectionIsMadeStaysWithinTheEarlyCredit) {
  MuxPair pair;
  pair.proxy.on_accept = [](End& end) {
    end.drains = false;
    return true;
  };
  const auto near = pair.client.open(tcp_request());
  near->send(pattern(1'000'000));
  pair.run();
  const auto far = pair.proxy.ends.back();
  EXPECT_EQ(far->received.size(), pair.client.hellos.at(0).initial_credit());
  far->drains = true;
  far->drain(SIZE_MAX);
  pair.run();
  EXPECT_EQ(far->received, pattern(1'000'000));
}

TEST(Mux, StalledFlowDoesNotHoldOthers) {
  MuxPair pair;
  auto [stalled, stalled_far] = pair.connect();
  auto [lively, lively_far] = pair.connect(tcp_request(2));
  stalled_far->drains = false;
  stalled->send(pattern(5'000'000));
  lively->send(pattern(5'000'000));
  pair.run();
  EXPECT_EQ(lively_far->received.size(), 5'000'000U);
  EXPECT_LE(stalled_far->received.size(), core::MemoryBudget::max_initial_credit);
}

TEST(Mux, InteractiveFlowPassesABulkFlow) {
  MuxPair pair;
  auto [bulk, bulk_far] = pair.connect();
  auto [sparse, sparse_far] = pair.connect(tcp_request(2));
  bulk_far->drains = true;
  bulk->send(pattern(10'000'000));
  for (int i = 0; i < 20; ++i) {
    pair.step(pair.client, pair.proxy);
    pair.step(pair.proxy, pair.client);
  }
  ASSERT_LT(bulk_far->received.size(), 10'000'000U);
  sparse->send(bytes_of("key"));
  pair.step(pair.client, pair.proxy);
  EXPECT_EQ(sparse_far->received, bytes_of("key"));
}

// Half of all bulk data was copied, since what was left of a turn was too little to be moved.
TEST(Mux, NoTurnEndsWithASliverOfAFrame) {
  MuxPair pair;
  auto [bulk, bulk_far] = pair.connect();
  bulk->most_at_once = 997;
  bulk->send(pattern(3'000'000));
  pair.run();
  EXPECT_EQ(bulk_far->received, pattern(3'000'000));
  EXPECT_GE(bulk->least_allowance, 700U) << "half of the smallest frame";
}

TEST(Mux, TinyWindowsOnBothSidesStillCarryEverything) {
  const Side::Terms tiny{.cap = 1000};
  MuxPair pair(tiny, tiny);
  auto [near, far] = pair.connect();
  near->send(pattern(300'000, 1));
  far->send(pattern(300'000, 2));
  pair.run();
  EXPECT_EQ(far->received, pattern(300'000, 1));
  EXPECT_EQ(near->received, pattern(300'000, 2));
}

TEST(Mux, PeerThatOffersNoEarlyCreditStillGetsItsData) {
  Side client(wire::ROLE_CLIENT);
  client.fill();
  wire::Frame hello;
  hello.mutable_hello()->set_role(wire::ROLE_PROXY);
  hello.mutable_hello()->set_max_flows(10);
  ASSERT_FALSE(client.receive(delimited(hello)));
  const auto near = client.open(tcp_request());
  near->send(pattern(10));
  const auto before = without_acks(client.fill());
  EXPECT_EQ(std::search(before.begin(), before.end(), pattern(10).begin(), pattern(10).end()), before.end());
  wire::Frame credit;
  credit.mutable_credit()->set_flow(1);
  credit.mutable_credit()->set_bytes(10);
  ASSERT_FALSE(client.receive(delimited(credit)));
  EXPECT_EQ(without_acks(client.fill()).size(), 10U + 7U);
}

TEST(Mux, SmallBatchesOfTheLinkCarryTheSame) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  near->send(pattern(20'000));
  near->finish();
  while (pair.step(pair.client, pair.proxy, 200) || pair.step(pair.proxy, pair.client, 200)) {
  }
  EXPECT_EQ(far->received, pattern(20'000));
  EXPECT_EQ(far->fins, 1U);
}

TEST(Mux, DatagramsKeepTheirPeersSizesAndOrder) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  EXPECT_EQ(far->flow()->request.text(), "udp [2001:db8::1]:1000");
  const std::vector<std::size_t> sizes{0, 1, 1472, 65'507, 65'527, 0, 9};
  for (const auto size : sizes) near->send_datagram(endpoint("192.0.2.7", 7), pattern(size));
  far->send_datagram(endpoint("2001:db8::7", 7), pattern(5));
  pair.run();
  ASSERT_EQ(far->datagrams.size(), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(far->datagrams[i], std::make_pair(endpoint("192.0.2.7", 7), pattern(sizes[i])));
  }
  EXPECT_EQ(near->datagrams.at(0), std::make_pair(endpoint("2001:db8::7", 7), pattern(5)));
}

TEST(Mux, UndeliverableDatagramIsReportedWithItsPeer) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.7", 7), Reason::refused);
  pair.run();
  EXPECT_EQ(near->datagram_errors.at(0), std::make_pair(endpoint("192.0.2.7", 7), Reason::refused));
}

TEST(Mux, FloodOfDatagramErrorsIsBoundedAndCounted) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  for (std::uint16_t port = 0; port < 5000; ++port) {
    pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.7", port), Reason::refused);
  }
  EXPECT_LE(pair.proxy.budget.used(), 4096U);
  pair.run();
  EXPECT_EQ(near->datagram_errors.size() + pair.proxy.mux.counters().errors_dropped, 5000U);
  EXPECT_LE(near->datagram_errors.size(), core::DatagramErrors::most);
  EXPECT_EQ(pair.proxy.budget.used(), 0U);
}

TEST(Mux, TheSameDatagramErrorIsToldOnceUntilItIsSent) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5000; ++i) {
      pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.7", 7), Reason::refused);
    }
    pair.run();
  }
  EXPECT_EQ(near->datagram_errors.size(), 2U);
  EXPECT_EQ(pair.proxy.mux.counters().errors_dropped, 0U);
}

// An association through a SOCKS5 proxy that cannot be made says so for each peer, and ends its flow at once.
TEST(Mux, ErrorsOfAFlowThatEndsGoBeforeItsEnd) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.7", 7), Reason::refused);
  pair.proxy.mux.datagram_error(*far->flow(), endpoint("192.0.2.8", 8), Reason::denied);
  far->reset(Reason::upstream_refused);
  pair.run();
  EXPECT_EQ(near->datagram_errors.size(), 2U);
  EXPECT_TRUE(near->reset_with(Reason::upstream_refused));
}

TEST(Mux, PingIsAnsweredAndManyPingsMergeIntoOneAnswer) {
  MuxPair pair;
  wire::Frame ping;
  ping.mutable_ping()->set_token(1);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(pair.proxy.receive(delimited(ping)));
  wire::Frame pong;
  pong.mutable_pong()->set_token(1);
  EXPECT_EQ(without_acks(pair.proxy.fill()), delimited(pong));
}

TEST(Mux, NothingFollowsAGoAway) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  pair.client.mux.go_away(wire::GoAway::CODE_SHUTDOWN, "terminated");
  near->send(pattern(100));
  pair.run();
  ASSERT_EQ(pair.proxy.go_aways.size(), 1U);
  EXPECT_EQ(pair.proxy.go_aways[0].message(), "terminated");
  EXPECT_TRUE(far->received.empty());
  EXPECT_FALSE(pair.client.mux.has_output());
}

TEST(Mux, NoMoreFlowsAreOpenedThanTheFarSideTakes) {
  MuxPair pair({}, {.max_flows = 3});
  for (std::uint16_t i = 0; i < 3; ++i) EXPECT_NE(pair.client.open(tcp_request(i)), nullptr);
  EXPECT_TRUE(pair.client.mux.full(core::Transport::tcp));
  EXPECT_EQ(pair.client.open(tcp_request(3)), nullptr);
  pair.run();
  for (const auto& end : pair.client.ends) end->reset(Reason::peer_reset);
  pair.run();
  EXPECT_NE(pair.client.open(tcp_request(4)), nullptr);
  pair.run();
}

TEST(Mux, WakesTheLinkOnlyWhenThereIsSomethingToSend) {
  MuxPair pair;
  auto [near, far] = pair.connect();
  int wakes = 0;
  pair.client.mux.on_output([&] { ++wakes; });
  EXPECT_FALSE(pair.client.mux.has_output());
  near->send(pattern(10));
  EXPECT_GT(wakes, 0);
  EXPECT_TRUE(pair.client.mux.has_output());
  pair.run();
  EXPECT_FALSE(pair.client.mux.has_output());
}

}  // namespace
}  // namespace tfunnel::test
