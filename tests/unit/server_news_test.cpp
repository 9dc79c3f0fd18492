// A dead nameserver is told once, and once that it is back; never once a query.
#include "proxy/dns/server_news.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::ServerNews;
using namespace std::chrono_literals;

core::Endpoint server_at(std::uint16_t port) { return {core::Address::v4({192, 0, 2, 1}), port}; }

class ServerNewsTest : public testing::Test {
 protected:
  bool fails() { return news_.failed(server_, now_); }
  bool is_silent_for(core::Duration time) {
    const auto asked = now_;
    now_ += time;
    return news_.silent(server_, asked, now_);
  }
  bool answers() { return news_.answered(server_); }

  ServerNews news_;
  core::Endpoint server_ = server_at(53);
  core::Time now_{1h};
};

TEST_F(ServerNewsTest, DeathAndReturnAreToldOnce) {
  EXPECT_FALSE(answers());
  EXPECT_TRUE(fails());
  for (int i = 0; i < 1000; ++i, now_ += 1s) EXPECT_FALSE(fails());
  EXPECT_TRUE(answers());
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(answers());
  EXPECT_TRUE(fails()) << "the next time";
}

TEST_F(ServerNewsTest, SingleAnswerThatIsLostIsNoDeath) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(is_silent_for(5s));
    EXPECT_FALSE(answers());
  }
}

TEST_F(ServerNewsTest, SilenceIsADeathAfterAWhile) {
  EXPECT_FALSE(is_silent_for(500ms));
  EXPECT_FALSE(is_silent_for(500ms)) << "a hurried program";
  EXPECT_FALSE(is_silent_for(500ms));
  EXPECT_TRUE(is_silent_for(500ms));
  EXPECT_FALSE(is_silent_for(5s));
  EXPECT_TRUE(answers());
}

// A thousand queries of the second in which it was away.
TEST_F(ServerNewsTest, QueriesThatWereAskedBeforeAnAnswerAreToldOnceAtMost) {
  const auto asked = now_;
  now_ += 5s;
  int told = 0;
  for (int i = 0; i < 1000; ++i) {
    told += news_.silent(server_, asked, now_) ? 1 : 0;
    if (i % 2 == 1) answers();
  }
  EXPECT_LE(told, 1);
}

TEST_F(ServerNewsTest, ServerThatComesAndGoesIsToldOnceAMinuteAndItsLastDeathAtLast) {
  int deaths = 0;
  int returns = 0;
  for (int i = 0; i < 599; ++i, now_ += 1s) {
    deaths += fails() ? 1 : 0;
    returns += answers() ? 1 : 0;
  }
  EXPECT_EQ(deaths, 10);
  EXPECT_EQ(returns, 10);
  EXPECT_FALSE(fails());
  now_ += 1min;
  EXPECT_TRUE(fails());
}

TEST_F(ServerNewsTest, ManyServersAreNoFloodOfMemory) {
  for (std::uint16_t port = 1; port < 10'000; ++port) news_.failed(server_at(port), now_);
  EXPECT_FALSE(news_.failed(server_at(20'000), now_));
  for (std::uint16_t port = 1; port < 10'000; ++port) news_.answered(server_at(port));
  now_ += 1min;
  EXPECT_TRUE(news_.failed(server_at(20'000), now_)) << "those that are back make room";
}

}  // namespace
}  // namespace tfunnel::test
