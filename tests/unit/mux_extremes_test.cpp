// One end never emits a frame that the other refuses, even if programs and strangers do their worst to it: that would
// cost every flow the link.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/hex_example.hpp"
#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

std::size_t extreme_size(Random& random) {
  constexpr std::array<std::size_t, 8> edges{0, 1, 16'384, 65'506, 65'507, 65'508, 65'527, 65'528};
  return random.one_in(2) ? edges[random.below(edges.size())] : random.below(70'000);
}

core::Endpoint extreme_endpoint(Random& random) {
  constexpr std::array addresses{
      "0.0.0.0",          "255.255.255.255", "192.0.2.7",   "::",
      "::ffff:192.0.2.7", "::ffff:0:0",      "2001:db8::7", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
  constexpr std::array<std::uint16_t, 4> ports{0, 1, 53, 65'535};
  return endpoint(addresses[random.below(addresses.size())], ports[random.below(ports.size())]);
}

std::string extreme_text(Random& random) {
  const auto bytes = random.bytes(random.one_in(3) ? random.below(70'000) : random.below(30));
  return {bytes.begin(), bytes.end()};
}

Reason any_reason(Random& random) { return static_cast<Reason>(random.below(wire::Reason_ARRAYSIZE)); }

Side::Terms extreme_terms(Random& random) {
  constexpr std::array<std::size_t, 3> caps{1U << 16, 128U << 20, 1ULL << 40};
  constexpr std::array<std::size_t, 3> flows{3, 65'536, ~std::size_t{0}};
  Side::Terms terms;
  terms.cap = caps[random.below(caps.size())];
  terms.max_flows = flows[random.below(flows.size())];
  terms.software = extreme_text(random);
  return terms;
}

/// One tunnel whose two ends do whatever their interface lets them.
class Session {
 public:
  explicit Session(std::uint32_t seed)
      : random_(seed), pair_(extreme_terms(random_), extreme_terms(random_)), sides_{&pair_.client, &pair_.proxy} {}

  void run(int actions) {
    for (int i = 0; i < actions && !testing::Test::HasFailure(); ++i) {
      act(*sides_[random_.below(2)]);
      if (random_.one_in(4)) move(random_.below(2));
    }
    auto& side = *sides_[random_.below(2)];
    side.mux.go_away(wire::GoAway::CODE_SHUTDOWN, extreme_text(random_));
    pair_.run();
    EXPECT_EQ(sides_[0]->go_aways.size() + sides_[1]->go_aways.size(), 1U) << "the last words were heard";
    for (auto* one : sides_) EXPECT_EQ(one->hellos.size(), 1U);
  }

 private:
  void move(std::size_t from) { pair_.step(*sides_[from], *sides_[1 - from], random_.one_in(3) ? 80'000 : 256U << 10); }

  /// Any flow that the side still knows, whether its local end is over or not.
  core::Flow* any_flow(Side& side) {
    std::vector<core::FlowId> live;
    side.mux.for_each_flow([&](const core::Flow& flow) { live.push_back(flow.id); });
    if (live.empty()) return nullptr;
    return side.flows.at(live[random_.below(live.size())]);
  }

  void act(Side& side) {
    if (random_.one_in(5)) {
      const auto source = extreme_endpoint(random_);
      const auto transport = random_.one_in(2) ? core::Transport::tcp : core::Transport::udp;
      if (&side == &pair_.client) side.open({transport, source, extreme_endpoint(random_)});
      return;
    }
    if (random_.one_in(20)) return side.mux.ping();
    auto* flow = any_flow(side);
    if (flow == nullptr) return;
    random_.one_in(3) ? act_on_flow(side, *flow) : act_on_end(side.end_of(*flow), flow->request.transport);
  }

  /// Requests that a local end may make at any time.
  void act_on_flow(Side& side, core::Flow& flow) {
    switch (random_.below(5)) {
      case 0: return side.mux.opened(flow, extreme_endpoint(random_));
      case 1: return side.mux.datagram_error(flow, extreme_endpoint(random_), any_reason(random_));
      case 2: return side.mux.ready(flow);
      case 3: return side.mux.drained(flow, 0);
      default: return side.mux.finish(flow);
    }
  }

  void act_on_end(End* end, core::Transport transport) {
    if (end == nullptr || end->flow() == nullptr) return;
    if (random_.one_in(12)) return end->reset(any_reason(random_));
    if (random_.one_in(12)) return end->close();
    if (random_.one_in(12)) return end->finish();
    if (transport == core::Transport::udp) {
      end->send_datagram(extreme_endpoint(random_), Bytes(extreme_size(random_)));
    } else {
      end->send(Bytes(extreme_size(random_)));
      end->drains = random_.one_in(2);
    }
  }

  Random random_;
  MuxPair pair_;
  std::array<Side*, 2> sides_;
};

TEST(MuxExtremes, NothingThatOneEndEmitsIsRefusedByTheOther) {
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    Session session(seed);
    session.run(150);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(MuxExtremes, DatagramTooLargeForTheLinkIsCountedAndNothingElseHappens) {
  MuxPair pair;
  auto [near, far] = pair.connect(udp_request());
  const auto peer = endpoint("2001:db8::7", 7);
  for (const std::size_t size : {65'527U, 65'528U, 65'535U, 9U}) near->send_datagram(peer, pattern(size));
  pair.run();
  ASSERT_EQ(far->datagrams.size(), 2U);
  EXPECT_EQ(far->datagrams[0].second, pattern(65'527));
  EXPECT_EQ(far->datagrams[1].second, pattern(9));
  EXPECT_EQ(pair.client.mux.counters().datagrams_dropped, 2U);
}

/// A side that has heard a Hello with that max_datagram, and has one flow.
class Told {
 public:
  explicit Told(std::uint32_t max_datagram) {
    fill();
    wire::Frame hello;
    hello.mutable_hello()->set_role(wire::ROLE_PROXY);
    hello.mutable_hello()->set_initial_credit(65'536);
    hello.mutable_hello()->set_max_flows(100);
    if (max_datagram > 0) hello.mutable_hello()->set_max_datagram(max_datagram);
    EXPECT_FALSE(side_.receive(delimited(hello)));
    end_ = side_.open(udp_request());
    fill();
  }

  [[nodiscard]] std::size_t largest(const std::string& address) const {
    return side_.mux.largest_datagram(endpoint(address, 7));
  }
  /// The sizes of what is sent of these.
  std::vector<std::size_t> sent(const std::vector<std::size_t>& sizes) {
    for (const auto size : sizes) end_->send_datagram(endpoint("2001:db8::7", 7), Bytes(size));
    std::vector<std::size_t> got;
    for (auto bytes = fill(); !bytes.empty(); bytes = fill()) {
      for (std::size_t at = 0; at < bytes.size();) {
        const auto parsed = core::parse_frame(core::ByteView(bytes).subspan(at)).value();
        if (const auto* datagram = std::get_if<core::DatagramHeader>(&parsed)) got.push_back(datagram->payload);
        at += frame_size(parsed);
      }
    }
    return got;
  }

 private:
  /// The frames that are due, as if they arrived at once.
  Bytes fill() {
    auto bytes = side_.fill();
    wire::Frame ack;
    ack.mutable_ack()->set_bytes(total_ += bytes.size());
    const bool greeted = !side_.hellos.empty();
    EXPECT_FALSE(greeted && side_.receive(delimited(ack)));
    return bytes;
  }

  Side side_{wire::ROLE_CLIENT};
  std::shared_ptr<End> end_;
  std::size_t total_ = 0;
};

TEST(MuxExtremes, FarEndGetsNoLargerDatagramThanItSaidThatItAccepts) {
  const std::vector<std::size_t> sizes{65'507, 65'508, 1000, 1001, 65'527, 65'528};
  using Sizes = std::vector<std::size_t>;
  // One that says nothing is older than the field.
  EXPECT_EQ(Told(0).sent(sizes), (Sizes{65'507, 1000, 1001}));
  EXPECT_EQ(Told(1000).sent(sizes), Sizes{1000});
  EXPECT_EQ(Told(~0U).sent(sizes), (Sizes{65'507, 65'508, 1000, 1001, 65'527}));
  EXPECT_EQ(Told(0).largest("2001:db8::7"), 65'507U);
  EXPECT_EQ(Told(1000).largest("192.0.2.7"), 1000U);
  EXPECT_EQ(Told(~0U).largest("2001:db8::7"), 65'527U);
  EXPECT_EQ(Told(~0U).largest("192.0.2.7"), 65'507U);
}

}  // namespace
}  // namespace tfunnel::test
