// One flow's memory is never another flow's loss, and granted bytes can always be kept.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

constexpr std::size_t small_cap = 1U << 20;

std::size_t held_by(const Side& side) {
  std::size_t held = 0;
  for (const auto& end : side.ends) held += end->held;
  return held;
}

TEST(MuxMemory, HoardersCannotHaveAnotherFlowReset) {
  MuxPair pair({}, {.cap = small_cap});
  auto [lively, lively_far] = pair.connect();
  for (std::uint16_t port = 2; port < 400; ++port) {
    auto [near, far] = pair.connect(tcp_request(port));
    near->send(pattern(1'000'000));
    far->drains = false;
  }
  pair.run();
  EXPECT_LE(held_by(pair.proxy), pair.proxy.budget.connections().used());
  EXPECT_LE(pair.proxy.budget.used(), small_cap);
  lively->send(pattern(1'000'000));
  pair.run();
  EXPECT_EQ(lively_far->received, pattern(1'000'000));
  for (const auto& end : pair.proxy.ends) EXPECT_TRUE(end->resets.empty());
}

TEST(MuxMemory, FlowThatDrainsGivesBackWhatOthersNeed) {
  MuxPair pair({}, {.cap = small_cap});
  for (int round = 0; round < 20; ++round) {
    std::vector<std::shared_ptr<End>> ends;
    for (std::uint16_t port = 1; port < 200; ++port) {
      ends.push_back(pair.connect(tcp_request(port)).first);
      ends.back()->send(pattern(10'000));
      ends.back()->finish();
    }
    pair.run();
    for (const auto& far : pair.proxy.ends) {
      ASSERT_EQ(far->received.size(), 10'000U) << "round " << round;
      far->finish();
    }
    pair.run();
    pair.proxy.ends.clear();
    pair.client.ends.clear();
    ASSERT_EQ(pair.proxy.budget.used() + pair.client.budget.used(), 0U);
  }
}

TEST(MuxMemory, FlowThatCannotBeBackedIsRefusedAloneAndItsDataIsNotKept) {
  MuxPair pair({}, {.cap = small_cap});
  auto [lively, lively_far] = pair.connect();
  auto& part = pair.proxy.budget.connections();
  core::Charge rest(part);
  ASSERT_TRUE(rest.resize(part.free() - 100));
  const auto before = pair.proxy.budget.used();
  const auto refused = pair.client.open(tcp_request(2));
  refused->send(pattern(1'000));
  pair.run();
  EXPECT_TRUE(refused->reset_with(Reason::resource_limit));
  EXPECT_EQ(pair.proxy.no_memory, 1U);
  EXPECT_EQ(pair.proxy.ends.size(), 1U) << "the acceptor need not care";
  EXPECT_EQ(pair.proxy.budget.used(), before);
  lively->send(pattern(300'000));
  pair.run();
  EXPECT_EQ(lively_far->received, pattern(300'000));
  rest.clear();
  auto [again, again_far] = pair.connect(tcp_request(3));
  again->send(pattern(10));
  pair.run();
  EXPECT_EQ(again_far->received, pattern(10));
}

TEST(MuxMemory, EndThatOpensFlowsRefusesThemItselfWhenItHasNoMemoryForTheAnswers) {
  MuxPair pair({.cap = small_cap}, {});
  auto& part = pair.client.budget.connections();
  core::Charge rest(part);
  ASSERT_TRUE(rest.resize(part.free()));
  EXPECT_EQ(pair.client.open(tcp_request()), nullptr);
  EXPECT_EQ(pair.client.no_memory, 1U);
  EXPECT_NE(pair.client.open(udp_request()), nullptr) << "datagrams have memory of their own";
  rest.clear();
  EXPECT_NE(pair.client.open(tcp_request()), nullptr);
}

// They are on their way before the far end can say that it has less for each.
TEST(MuxMemory, ThousandsOfFlowsOpenedInOneMomentAreAllBacked) {
  MuxPair pair;
  for (std::uint16_t port = 1; port <= 20'000; ++port) {
    pair.client.open(tcp_request(port))->send(bytes_of("x"));
  }
  pair.run();
  EXPECT_EQ(pair.proxy.no_memory, 0U);
  EXPECT_EQ(std::ranges::count_if(pair.proxy.ends, [](const auto& end) { return end->received.size() == 1; }), 20'000);
}

}  // namespace
}  // namespace tfunnel::test
