// Thousands of flows with everything interleaved at random: no byte is lost, added or reordered, each end
// hears of its end once, and both tables are empty afterwards.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;

/// One direction's end with its plan: how much it sends, in what pieces, and whether it breaks off.
struct Talker {
  std::shared_ptr<End> end;
  std::uint32_t seed;
  std::size_t total;
  std::size_t sent = 0;
  bool finished = false;
};

class Storm {
 public:
  Storm(std::uint32_t seed, const Side::Terms& terms) : random_(seed), pair_(terms, terms) {
    pair_.proxy.on_accept = [this](End& end) {
      end.drains = random_.one_in(2);
      accepted_.push_back(end.flow()->request.source.port);
      return true;
    };
  }

  void run(std::size_t flows) {
    while (opened_ < flows || !live_.empty()) {
      if (opened_ < flows && live_.size() < 60 && random_.one_in(3)) open();
      for (int i = 0; i < 5 && !live_.empty(); ++i) act(live_[random_.below(live_.size())]);
      move(pair_.client, pair_.proxy, to_proxy_);
      move(pair_.proxy, pair_.client, to_client_);
      adopt();
      std::erase_if(live_, [](const Talker& talker) { return talker.end->flow() == nullptr; });
      ASSERT_FALSE(testing::Test::HasFailure());
    }
    while (move(pair_.client, pair_.proxy, to_proxy_) || move(pair_.proxy, pair_.client, to_client_)) {
    }
  }

  void check() {
    EXPECT_EQ(pair_.client.mux.flow_count() + pair_.proxy.mux.flow_count(), 0U);
    for (const auto& end : pair_.client.ends) ASSERT_EQ(end->ends(), 1U);
    ASSERT_EQ(pair_.proxy.ends.size(), accepted_.size());
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
      // A flow that was reset before its Open was sent has no far end, so the numbers may differ.
      const auto& near = plan_of(pair_.client.ends.at(accepted_[i]));
      const auto& far = plan_of(pair_.proxy.ends[i]);
      check_direction(near, far);
      check_direction(far, near);
    }
  }

  [[nodiscard]] std::size_t whole() const { return whole_; }

 private:
  void open() {
    const auto end = pair_.client.open(tcp_request(static_cast<std::uint16_t>(opened_)));
    end->drains = random_.one_in(2);
    plan(end);
    ++opened_;
  }

  void plan(const std::shared_ptr<End>& end) {
    const Talker talker{end, ++seeds_, random_.one_in(3) ? 0 : random_.below(random_.one_in(10) ? 200'000 : 5'000)};
    live_.push_back(talker);
    plans_[end.get()] = talker;
  }

  void adopt() {
    for (; adopted_ < pair_.proxy.ends.size(); ++adopted_) {
      const auto& end = pair_.proxy.ends[adopted_];
      plan(end);
      if (end->flow() != nullptr && random_.one_in(2)) pair_.proxy.mux.opened(*end->flow(), {});
    }
  }

  void act(Talker& talker) {
    auto& end = *talker.end;
    if (end.flow() == nullptr) return;
    end.drain(random_.below(20'000));
    if (random_.one_in(300)) return end.reset(Reason::peer_reset);
    if (talker.finished) return;
    const auto part = std::min(random_.below(10'000), talker.total - talker.sent);
    Bytes bytes(part);
    for (auto& byte : bytes) byte = pattern_at(talker.sent++, talker.seed);
    end.send(bytes);
    if (talker.sent < talker.total) return;
    talker.finished = true;
    end.finish();
  }

  /// Part of what is on the way, in any pieces; what stays behind comes later.
  bool move(Side& from, Side& to, Bytes& way) {
    append(way, from.fill(random_.one_in(4) ? 300 + random_.below(500) : 256U << 10));
    const auto part = random_.one_in(3) ? random_.below(way.size() + 1) : way.size();
    const auto error = to.receive(core::ByteView(way).first(part));
    EXPECT_FALSE(error) << error.message();
    way.erase(way.begin(), way.begin() + static_cast<std::ptrdiff_t>(part));
    return (part > 0 || !way.empty() || from.mux.has_output()) && !error;
  }

  const Talker& plan_of(const std::shared_ptr<End>& end) { return plans_.at(end.get()); }

  void check_direction(const Talker& from, const Talker& to) {
    ASSERT_EQ(from.end->ends(), 1U);
    const auto& got = to.end->received;
    const bool in_order = from.end->finished == 1 && to.end->finished == 1;
    if (in_order) {
      ASSERT_EQ(got.size(), from.total);
      ++whole_;
    }
    ASSERT_LE(got.size(), from.total);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], pattern_at(i, from.seed)) << "byte " << i;
  }

  Random random_;
  MuxPair pair_;
  std::vector<Talker> live_;
  std::map<const End*, Talker> plans_;
  Bytes to_proxy_;
  Bytes to_client_;
  std::vector<std::uint16_t> accepted_;  // which of the client's flows each of the proxy's ends is
  std::size_t opened_ = 0;
  std::size_t adopted_ = 0;
  std::size_t whole_ = 0;
  std::uint32_t seeds_ = 0;
};

TEST(MuxRandom, NoByteIsLostAddedOrReorderedInThousandsOfFlows) {
  Storm storm(7, {});
  storm.run(4000);
  storm.check();
  EXPECT_GT(storm.whole(), 4000U) << "most directions are to end in order, or this test proves little";
}

TEST(MuxRandom, TheSameWithTinyWindows) {
  Storm storm(8, {.cap = 1U << 20});
  storm.run(1000);
  storm.check();
}

}  // namespace
}  // namespace tfunnel::test
