// How long a small flow waits on a slow link, whatever others send: measured in virtual time on a simulated line.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;
using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

/// One direction: whatever is put in waits for the bottleneck, then takes its time.
class Line {
 public:
  Line(double rate, core::Duration delay) : rate_(rate), delay_(delay) {}

  void put(const Bytes& bytes) { waiting_.insert(waiting_.end(), bytes.begin(), bytes.end()); }
  void pass(core::Time now, core::Duration step) {
    allowance_ = std::min(allowance_ + rate_ * Seconds(step).count(), rate_ * 0.002 + 1);
    const auto part = std::min(waiting_.size(), static_cast<std::size_t>(allowance_));
    if (part == 0) return;
    allowance_ -= static_cast<double>(part);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(part);
    flying_.emplace_back(now + delay_, Bytes(waiting_.begin(), end));
    waiting_.erase(waiting_.begin(), end);
  }
  Bytes arrived(core::Time now) {
    Bytes bytes;
    for (; !flying_.empty() && flying_.front().first <= now; flying_.pop_front()) append(bytes, flying_.front().second);
    return bytes;
  }

 private:
  double rate_;
  core::Duration delay_;
  double allowance_ = 0;
  std::deque<std::uint8_t> waiting_;
  std::deque<std::pair<core::Time, Bytes>> flying_;
};

/// A client and a proxy with a line each way between them.
class SlowLink : public testing::Test {
 protected:
  static constexpr double rate = 250e3;
  static constexpr auto delay = milliseconds(10);
  static constexpr auto step = std::chrono::microseconds(500);
  static constexpr std::size_t large = 60'000;

  std::pair<std::shared_ptr<End>, std::shared_ptr<End>> connect(const core::FlowRequest& request) {
    const auto near = pair.client.open(request);
    const auto before = pair.proxy.ends.size();
    while (pair.proxy.ends.size() == before) go_on(milliseconds(1));
    return {near, pair.proxy.ends.back()};
  }

  /// Time passes; `each_step` may do something meanwhile.
  void go_on(core::Duration duration) {
    for (const auto until = now + duration; now < until; now += step) {
      if (each_step) each_step();
      exchange(pair.client, pair.proxy, there);
      exchange(pair.proxy, pair.client, back);
    }
  }

  void exchange(Side& from, Side& to, Line& line) {
    from.at(now);
    to.at(now);
    line.put(from.fill());
    line.pass(now, step);
    const auto error = to.receive(line.arrived(now));
    ASSERT_FALSE(error) << error.message();
  }

  /// Sends what `send` does until `there_yet`, many times; the longest that it took.
  double longest_wait(const std::function<void()>& send, const std::function<bool()>& there_yet) {
    core::Duration longest{};
    for (int i = 0; i < 40; ++i) {
      send();
      const auto sent = now;
      while (!there_yet() && now < sent + std::chrono::seconds(30)) go_on(step);
      longest = std::max(longest, now - sent);
      go_on(milliseconds(37 * (i % 7)));  // at any time of what the others do
    }
    return Seconds(longest).count();
  }

  /// The bytes that the pacer lets be in flight for a flow that makes no queue, one datagram, and the way.
  [[nodiscard]] double wait_for_one(std::size_t datagram) const {
    const auto bound = pair.client.mux.pacer().bound(now);
    return static_cast<double>(bound + bound / 4 + datagram + 2000) / rate + Seconds(delay).count();
  }

  /// Flows that have one datagram more at any time.
  void keep_sending(std::size_t flows, std::size_t size) {
    for (std::uint16_t i = 0; i < flows; ++i)
      talkers.push_back(connect(udp_request(static_cast<std::uint16_t>(5000 + i))).first);
    each_step = [this, payload = Bytes(size)] {
      for (const auto& end : talkers) {
        if (end->datagrams_waiting() == 0) end->send_datagram(endpoint("192.0.2.7", 7), payload);
      }
    };
  }

  core::Time now{std::chrono::hours(2)};
  Line there{rate, delay};
  Line back{rate, delay};
  MuxPair pair;
  std::function<void()> each_step;
  std::vector<std::shared_ptr<End>> talkers;
};

TEST_F(SlowLink, SmallFlowWaitsForOneLargeDatagramHoweverManyFlowsSendThem) {
  keep_sending(20, large);
  const auto [near, far] = connect(tcp_request());
  go_on(std::chrono::seconds(5));
  const auto wait = longest_wait([&] { near->send(Bytes(100)); },
                                 [&, count = std::size_t{0}]() mutable {
                                   if (far->received.size() < count + 100) return false;
                                   count += 100;
                                   return true;
                                 });
  EXPECT_LT(wait, wait_for_one(large));
}

// Each of them is a newcomer with nothing sent so far.
TEST_F(SlowLink, NewcomersWithLargeDatagramsDoNotStandBeforeASmallFlow) {
  const auto [near, far] = connect(tcp_request());
  const auto [bulk, unused] = connect(tcp_request(2000));
  bulk->send(Bytes(2'000'000));
  go_on(std::chrono::seconds(3));
  std::vector<std::shared_ptr<End>> newcomers;
  for (std::uint16_t i = 0; i < 20; ++i)
    newcomers.push_back(connect(udp_request(static_cast<std::uint16_t>(6000 + i))).first);
  go_on(milliseconds(500));
  for (const auto& end : newcomers) end->send_datagram(endpoint("192.0.2.7", 7), Bytes(large));
  near->send(Bytes(100));
  const auto sent = now;
  while (far->received.empty()) go_on(step);
  EXPECT_LT(Seconds(now - sent).count(), wait_for_one(large));
}

TEST_F(SlowLink, BulkFlowIsNeverHeldUpForLongerThanOneDatagram) {
  keep_sending(20, large);
  const auto [near, far] = connect(tcp_request());
  near->send(Bytes(2'000'000));
  go_on(std::chrono::seconds(5));
  core::Duration longest{};
  auto last = now;
  const auto before = far->received.size();
  for (auto size = before; now < last + std::chrono::seconds(30) && size < before + 100'000; go_on(step)) {
    if (far->received.size() == size) continue;
    longest = std::max(longest, now - last);
    last = now;
    size = far->received.size();
  }
  EXPECT_LT(Seconds(longest).count(), wait_for_one(large));
}

TEST_F(SlowLink, LargeDatagramsGetTheirShareBesideABulkFlow) {
  const auto [bulk, far_bulk] = connect(tcp_request());
  bulk->send(Bytes(8'000'000));
  keep_sending(3, large);
  go_on(std::chrono::seconds(3));
  const auto received = [&] {
    std::size_t bytes = 0;
    for (const auto& end : pair.proxy.ends) bytes += end->datagrams.size() * large;
    return bytes;
  };
  const auto before = received();
  const auto bulk_before = far_bulk->received.size();
  go_on(std::chrono::seconds(20));
  const auto datagrams = static_cast<double>(received() - before);
  const auto stream = static_cast<double>(far_bulk->received.size() - bulk_before);
  EXPECT_NEAR(datagrams / (datagrams + stream), 0.75, 0.08);
  EXPECT_GT(datagrams + stream, 0.9 * 20 * rate);
}

TEST_F(SlowLink, FloodOfErrorsForOneFlowDelaysNoOther) {
  const auto [near, far] = connect(udp_request());
  const auto [other, far_other] = connect(tcp_request());
  const auto [bulk, far_bulk] = connect(tcp_request(2000));
  far_bulk->send(Bytes(8'000'000));
  std::uint16_t port = 0;
  // 20,000 a second, each about another peer.
  each_step = [&, flow = far->flow()] {
    for (int i = 0; i < 10; ++i) pair.proxy.mux.datagram_error(*flow, endpoint("192.0.2.7", ++port), Reason::refused);
  };
  go_on(std::chrono::seconds(3));
  const auto told = near->datagram_errors.size();
  const auto start = now;
  const auto wait = longest_wait([&, end = far_other] { end->send(Bytes(100)); },
                                 [&, count = std::size_t{0}]() mutable {
                                   if (other->received.size() < count + 100) return false;
                                   count += 100;
                                   return true;
                                 });
  const auto bound = pair.proxy.mux.pacer().bound(now);
  EXPECT_LT(wait, static_cast<double>(bound + bound / 4 + 4000) / rate + Seconds(delay).count());
  // The flow with the errors has no more than its share of the link, and what did not fit is counted.
  const auto errors = static_cast<double>(near->datagram_errors.size() - told);
  EXPECT_GT(errors, 0);
  EXPECT_LT(errors * 20, 0.6 * rate * Seconds(now - start).count());
  EXPECT_GT(pair.proxy.mux.counters().errors_dropped, 10'000U);
}

}  // namespace
}  // namespace tfunnel::test
