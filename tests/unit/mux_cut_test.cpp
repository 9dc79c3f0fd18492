// The link may be cut after any byte: then too every local end hears of its end exactly once.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

/// A link that carries `left` bytes more, both directions together.
struct CutLink {
  std::size_t left;

  bool carry(Side& from, Side& to) {
    const auto bytes = from.fill();
    const auto part = std::min(left, bytes.size());
    left -= part;
    EXPECT_FALSE(to.receive(core::ByteView(bytes).first(part)));
    return part > 0;
  }
  void run(MuxPair& pair) {
    while (static_cast<int>(carry(pair.client, pair.proxy)) + static_cast<int>(carry(pair.proxy, pair.client)) > 0) {
    }
  }
};

std::size_t proxy_ends(const MuxPair& pair) { return pair.proxy.ends.size(); }

/// A bit of everything. Returns how many of the bytes were not needed.
std::size_t live(MuxPair& pair, std::size_t bytes) {
  CutLink link{bytes};
  pair.proxy.on_accept = [](End& end) {
    if (end.flow()->request.source.port == 13) return false;
    end.closes_on_fin = end.flow()->request.transport == core::Transport::udp;
    return true;
  };
  const auto request = pair.client.open(tcp_request(1));
  request->send(pattern(60));
  request->finish();
  pair.client.open(tcp_request(13));
  const auto udp = pair.client.open(udp_request(2));
  udp->send_datagram(endpoint("192.0.2.3", 3), pattern(20));
  const auto broken = pair.client.open(tcp_request(4));
  broken->send(pattern(30));
  link.run(pair);
  for (std::size_t i = 0; i < proxy_ends(pair); ++i) {
    auto& end = *pair.proxy.ends[i];
    if (end.flow() == nullptr || end.flow()->request.transport == core::Transport::udp) continue;
    pair.proxy.mux.opened(*end.flow(), endpoint("192.0.2.9", 9));
    end.send(pattern(40));
    end.finish();
  }
  link.run(pair);
  if (broken->flow() != nullptr) broken->reset(Reason::peer_reset);
  if (udp->flow() != nullptr) udp->close();
  link.run(pair);
  return link.left;
}

void expect_each_ended_once(const MuxPair& pair, std::size_t bytes) {
  for (const auto* side : {&pair.client, &pair.proxy}) {
    for (const auto& end : side->ends) ASSERT_EQ(end->ends(), 1U) << "cut after " << bytes << " bytes";
    ASSERT_EQ(side->mux.flow_count(), 0U);
  }
}

TEST(MuxCut, LinkCutAfterAnyByteEndsEveryFlowExactlyOnce) {
  constexpr std::size_t plenty = 100'000;
  MuxPair whole;
  const auto needed = plenty - live(whole, plenty);
  expect_each_ended_once(whole, plenty);
  ASSERT_GT(needed, 300U);
  for (std::size_t bytes = 0; bytes <= needed; ++bytes) {
    MuxPair pair;
    live(pair, bytes);
    pair.client.mux.abandon();
    pair.proxy.mux.abandon();
    expect_each_ended_once(pair, bytes);
  }
}

TEST(MuxCut, MuxDestroyedInTheMiddleNeedsNoAbandon) {
  for (std::size_t bytes = 0; bytes < 400; bytes += 7) {
    MuxPair pair;
    live(pair, bytes);
  }
}

}  // namespace
}  // namespace tfunnel::test
