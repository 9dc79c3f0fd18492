// The datagrams that a UDP flow's local end gives to the link, and when it is too late for that.
#include "common/io/datagram_end.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;

class PlainEnd final : public io::DatagramEnd {
 public:
  using DatagramEnd::DatagramEnd;
  using DatagramEnd::enqueue;
};

/// How many of `count` datagrams reach the far end if the link takes them `late`.
std::size_t arrive(double link_rate, core::Duration late, std::size_t count) {
  Side client(wire::ROLE_CLIENT, {.link_rate = link_rate});
  Side proxy(wire::ROLE_PROXY);
  client.at(start);
  EXPECT_FALSE(proxy.receive(client.fill()) || client.receive(proxy.fill()));
  const auto end = std::make_shared<PlainEnd>(client.mux);
  end->bind(*client.mux.open(udp_request(), end), start);
  for (std::size_t n = 0; n < count; ++n) end->enqueue(start, endpoint("192.0.2.1", 53), bytes_of("question"));
  client.at(start + late);
  EXPECT_FALSE(proxy.receive(client.fill()));
  EXPECT_EQ(client.mux.counters().datagrams_dropped + proxy.ends.at(0)->datagrams.size(), count);
  const auto arrived = proxy.ends.at(0)->datagrams.size();
  end->on_reset(core::Reason::cancelled);
  return arrived;
}

TEST(DatagramEnd, QuestionWaitsItsTurnOnALineWhereAFrameTakesHalfASecond) {
  EXPECT_EQ(arrive(240, 1s, 1), 1U);
  EXPECT_EQ(arrive(240, 5s, 1), 0U);
}

TEST(DatagramEnd, OldDatagramsAreDroppedOnALinkThatIsNotKnownToBeSlow) {
  EXPECT_EQ(arrive(0, 140ms, 3), 3U);
  EXPECT_EQ(arrive(0, 160ms, 3), 0U);
  EXPECT_EQ(arrive(1e6, 160ms, 3), 0U);
}

}  // namespace
}  // namespace tfunnel::test
