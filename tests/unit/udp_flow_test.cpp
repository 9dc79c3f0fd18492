// A UDP flow at the proxy: who is asked about a datagram, and in which order.
#include "proxy/udp/udp_flow.hpp"

#include <gtest/gtest.h>

#include "proxy/udp/udp_ways.hpp"
#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using Names = std::vector<std::string>;

/// Writes down that it is asked, what it was asked about, and when its part hears something.
class FakeWay final : public proxy::UdpWay {
 public:
  FakeWay(std::string name, Names& heard, bool takes = false) : name_(std::move(name)), heard_(heard), takes_(takes) {}

  class Part final : public proxy::UdpPart {
   public:
    Part(proxy::UdpFlow& /*flow*/, const FakeWay& way) : way_(way) {}
    void on_over(bool link_ended) override { way_.heard_.push_back(way_.name_ + (link_ended ? " link end" : " over")); }
    void on_received(const core::Endpoint& peer, core::ByteView /*payload*/) override {
      way_.heard_.push_back(way_.name_ + " received from " + peer.text());
    }
    [[nodiscard]] std::string describe(std::string words) const override { return way_.name_ + "(" + words + ")"; }

   private:
    const FakeWay& way_;
  };

  bool take(proxy::UdpFlow& flow, const core::Endpoint& /*peer*/, core::ByteView /*payload*/) override {
    heard_.push_back(name_);
    if (keeps) flow.listen(part_of<Part>(flow, *this, *this));
    return takes_;
  }
  bool keeps = false;

 private:
  std::string name_;
  Names& heard_;
  bool takes_;
};

/// Rules that know how often they are asked, and about whom.
class CountedGate final : public proxy::Gate {
 public:
  CountedGate(proxy::AccessRules rules, Names& heard) : Gate(std::move(rules), {}), heard_(heard) {}
  [[nodiscard]] Admission admit(const core::Endpoint& destination) const override {
    heard_.push_back("rules for " + destination.text());
    return Gate::admit(destination);
  }

 private:
  Names& heard_;
};

class UdpFlow : public testing::Test {
 protected:
  UdpFlow() { EXPECT_FALSE(far.receive(near.fill()) || near.receive(far.fill())); }
  ~UdpFlow() override {
    if (end) end->on_reset(core::Reason::cancelled);
  }
  static proxy::AccessRules deny(const char* network) {
    proxy::AccessRules rules;
    rules.add(proxy::parse_rule(false, network));
    return rules;
  }

  /// The flow's own side is the one that opens it: of that it knows nothing.
  void start(std::vector<proxy::UdpWay*> ways) {
    flows.emplace(gate, log, std::move(ways));
    flows->serve(near.mux);
    near.open(udp_request());
    flow = near.flows.rbegin()->second;
    end = flows->add(*flow);
    flow->handler = end;
  }
  void send(const core::Endpoint& to) { end->on_datagram(to, bytes_of("x")); }
  /// The next thing that the application is told of a datagram that did not arrive.
  std::optional<core::DatagramErrors::Error> told() {
    if (flow->errors_due.empty()) return std::nullopt;
    const auto error = flow->errors_due.front();
    flow->errors_due.pop();
    return error;
  }

  Names heard;
  Side near{wire::ROLE_CLIENT};
  Side far{wire::ROLE_PROXY};
  io::Log log{io::LogLevel::error, io::LogFormat::text, "test"};
  CountedGate gate{deny("192.0.2.66"), heard};
  FakeWay first{"first", heard};
  FakeWay second{"second", heard, true};
  FakeWay third{"third", heard, true};
  std::optional<proxy::UdpFlows> flows;
  core::Flow* flow = nullptr;
  std::shared_ptr<proxy::UdpFlow> end;
  const core::Endpoint peer = endpoint("192.0.2.1", 7);
  const core::Endpoint denied = endpoint("192.0.2.66", 7);
};

TEST(UdpWays, WhoAnswersHimselfIsAskedBeforeWhoSendsOnAndTheUpstreamBehindTheLoopback) {
  Names unused;
  std::vector<std::unique_ptr<FakeWay>> made;
  for (int i = 0; i < 8; ++i) made.push_back(std::make_unique<FakeWay>("", unused));
  const proxy::UdpWays ways{.resolver = made[0].get(),
                            .virtual_names = made[1].get(),
                            .dns_over_stream = made[2].get(),
                            .dns_watch = made[3].get(),
                            .far_loopback = made[4].get(),
                            .refusal = made[5].get(),
                            .upstream = made[6].get(),
                            .direct = made[7].get()};
  std::vector<proxy::UdpWay*> order;
  for (const auto& way : made) order.push_back(way.get());
  EXPECT_EQ(proxy::in_order(ways), order);
  EXPECT_EQ(proxy::in_order({.resolver = order[0], .direct = order[7]}), (std::vector{order[0], order[7]}));
}

TEST_F(UdpFlow, DatagramGoesFromWayToWayUntilOneTakesIt) {
  start({&first, &second, &third});
  send(peer);
  EXPECT_EQ(heard, (Names{"rules for 192.0.2.1:7", "first", "second"}));
  EXPECT_FALSE(told());
}

TEST_F(UdpFlow, RulesAreAskedOnceForEachDatagramAndBeforeAllWays) {
  start({&first, &second});
  send(peer);
  send(denied);
  send(peer);
  EXPECT_EQ(heard, (Names{"rules for 192.0.2.1:7", "first", "second", "rules for 192.0.2.66:7", "rules for 192.0.2.1:7",
                          "first", "second"}));
  EXPECT_EQ(told(), (core::DatagramErrors::Error{denied, core::Reason::denied}));
}

TEST_F(UdpFlow, WhatNoWayTakesIsDeniedInsteadOfVanishing) {
  start({&first});
  send(peer);
  EXPECT_EQ(told(), (core::DatagramErrors::Error{peer, core::Reason::denied}));
}

TEST_F(UdpFlow, RulesAreAskedOnceForEachAnswerAndNobodyHearsADeniedOne) {
  second.keeps = true;
  start({&first, &second});
  send(peer);
  heard.clear();
  end->received(denied, bytes_of("x"));
  end->received(peer, bytes_of("x"));
  EXPECT_EQ(heard, (Names{"rules for 192.0.2.66:7", "rules for 192.0.2.1:7", "second received from 192.0.2.1:7"}));
  EXPECT_EQ(end->unsent(core::Time()).datagrams, 1U);
}

TEST_F(UdpFlow, PartsAreMadeOnceAndEndWithTheFlow) {
  first.keeps = second.keeps = true;
  start({&first, &second, &third});
  send(peer);
  send(peer);
  EXPECT_EQ(end->describe(), "first(second())");
  heard.clear();
  std::exchange(end, nullptr)->on_link_end();
  EXPECT_EQ(heard, (Names{"first link end", "second link end"}));
}

TEST_F(UdpFlow, BrokenOffFlowTakesNothingMore) {
  second.keeps = true;
  start({&second});
  send(peer);
  heard.clear();
  end->break_off(core::Reason::upstream_refused, {});
  send(peer);
  end->received(peer, bytes_of("x"));
  end->answer(peer, bytes_of("x"));
  end->refuse(peer, core::Reason::refused);
  EXPECT_EQ(heard, Names{"second over"});
  end = nullptr;
}

}  // namespace
}  // namespace tfunnel::test
