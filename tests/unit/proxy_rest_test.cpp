// Which of several upstream proxies is tried first, after some have failed.
#include <gtest/gtest.h>

#include <memory>

#include "proxy/http/proxy_rest.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using Order = std::vector<std::size_t>;
using proxy::ProxyRest;

TEST(ProxyRest, SilentOneRestsForLongerThanOneThatRefuses) {
  ProxyRest rest(2);
  EXPECT_EQ(rest.failed(0, start, ProxyRest::first_rest_of_silent), 30s);
  EXPECT_EQ(rest.order(start + 29s), (Order{1, 0}));
  EXPECT_EQ(rest.order(start + 30s), (Order{0, 1}));
  EXPECT_EQ(rest.failed(0, start + 30s, ProxyRest::first_rest_of_silent), 60s);
}

TEST(ProxyRest, TurnMayEndBehindIt) {
  auto rest = std::make_unique<ProxyRest>(1);
  rest->failed(0, start);
  const ProxyRest::Turn probe(*rest, 0, start + 10s);
  EXPECT_TRUE(probe.is_probe());
  rest.reset();
}

TEST(ProxyRest, OneFlowAtATimeFindsOutWhetherAProxyIsBack) {
  ProxyRest rest(2);
  rest.failed(0, start);
  const auto later = start + 10s;
  {
    const ProxyRest::Turn probe(rest, 0, later);
    EXPECT_TRUE(probe.is_probe());
    EXPECT_EQ(rest.order(later), (Order{1, 0})) << "all others go on to the next meanwhile";
    const ProxyRest::Turn second(rest, 0, later);
    EXPECT_FALSE(second.is_probe());
  }
  EXPECT_EQ(rest.order(later), (Order{0, 1})) << "a probe that was given up is left to the next flow";
  {
    const ProxyRest::Turn probe(rest, 0, later);
    rest.failed(0, later);
  }
  EXPECT_EQ(rest.order(later), (Order{1, 0}));
  {
    const ProxyRest::Turn probe(rest, 0, later + 1min);
    EXPECT_TRUE(rest.succeeded(0));
  }
  EXPECT_EQ(rest.order(later), (Order{0, 1}));
  EXPECT_FALSE(ProxyRest::Turn(rest, 0, later).is_probe());
}

TEST(ProxyRest, OnlyProxyIsTriedThoughItRestsOrIsBeingTried) {
  ProxyRest rest(1);
  rest.failed(0, start, ProxyRest::first_rest_of_silent);
  EXPECT_EQ(rest.order(start), Order{0});
  const ProxyRest::Turn probe(rest, 0, start + 1min);
  EXPECT_EQ(rest.order(start + 1min), Order{0});
}

}  // namespace
}  // namespace tfunnel::test
