// Look-ups that are shared, and answers that are kept.
#include <gtest/gtest.h>

#include "proxy/lookup/shared_lookups.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using proxy::NameAnswer;
using proxy::NameError;
using proxy::SharedLookups;

NameAnswer found(const char* address, core::Duration good_for = 60s) {
  return {{*core::Address::parse(address)}, {}, good_for};
}

class Waiters : public testing::Test {
 protected:
  SharedLookups::Ticket wait(const std::string& name) {
    return lookups.wait(name, [this](const NameAnswer& answer) { answers.push_back(answer); });
  }

  SharedLookups lookups;
  std::vector<NameAnswer> answers;
};

TEST_F(Waiters, FiftyFlowsAskOnce) {
  for (int i = 0; i < 50; ++i) wait(i % 2 == 0 ? "proxy.example" : "Proxy.Example");
  EXPECT_EQ(lookups.next(), "proxy.example");
  EXPECT_EQ(lookups.next(), std::nullopt);
  lookups.answered("proxy.example", found("192.0.2.1"), start);
  EXPECT_EQ(answers.size(), 50U);
  for (const auto& answer : answers) EXPECT_EQ(answer.addresses, found("192.0.2.1").addresses);
  EXPECT_EQ(lookups.next(), std::nullopt);
}

TEST_F(Waiters, AnswerIsKeptForItsTimeToLiveAndNoLonger) {
  wait("a.example");
  lookups.next();
  lookups.answered("a.example", found("192.0.2.1", 30s), start);
  ASSERT_NE(lookups.kept("A.example", start + 29s), nullptr);
  EXPECT_EQ(lookups.kept("a.example", start + 29s)->addresses, found("192.0.2.1").addresses);
  EXPECT_EQ(lookups.kept("a.example", start + 30s), nullptr);
  EXPECT_EQ(lookups.kept("b.example", start), nullptr);
}

TEST_F(Waiters, AnswerThatMustNotBeKeptIsNot) {
  wait("a.example");
  lookups.next();
  lookups.answered("a.example", found("192.0.2.1", 0s), start);
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(lookups.kept("a.example", start), nullptr);
}

TEST_F(Waiters, TimeToLiveOfAYearIsCutShort) {
  wait("a.example");
  lookups.next();
  lookups.answered("a.example", found("192.0.2.1", 24h * 365), start);
  EXPECT_EQ(lookups.kept("a.example", start + SharedLookups::Limits().longest), nullptr);
}

TEST_F(Waiters, FailureIsKeptForAFewSecondsOnly) {
  wait("a.example");
  lookups.next();
  lookups.answered("a.example", {{}, NameError::not_found, 1h}, start);
  EXPECT_EQ(answers.at(0).error, NameError::not_found);
  EXPECT_NE(lookups.kept("a.example", start + 1s), nullptr);
  EXPECT_EQ(lookups.kept("a.example", start + 5s), nullptr);
}

TEST_F(Waiters, WhoGivesUpTakesNobodyElseAlong) {
  const auto first = wait("a.example");
  wait("a.example");
  lookups.next();
  lookups.give_up(first);
  lookups.answered("a.example", found("192.0.2.1"), start);
  EXPECT_EQ(answers.size(), 1U);
  lookups.give_up(first);
}

TEST_F(Waiters, LookUpThatEverybodyGaveUpIsStillKept) {
  lookups.give_up((lookups.next(), wait("a.example")));
  EXPECT_EQ(lookups.next(), std::nullopt) << "nobody wants it any more, and it was not asked yet";
  const auto ticket = wait("a.example");
  lookups.next();
  lookups.give_up(ticket);
  lookups.answered("a.example", found("192.0.2.1"), start);
  EXPECT_TRUE(answers.empty());
  EXPECT_NE(lookups.kept("a.example", start), nullptr);
}

TEST_F(Waiters, QuestionsOnTheirWayAreBoundedAndTheRestWaitsItsTurn) {
  const auto most = SharedLookups::Limits().running;
  for (std::size_t i = 0; i < most + 2; ++i) wait(std::to_string(i) + ".example");
  for (std::size_t i = 0; i < most; ++i) EXPECT_EQ(lookups.next(), std::to_string(i) + ".example");
  EXPECT_EQ(lookups.next(), std::nullopt);
  lookups.answered("7.example", found("192.0.2.7"), start);
  EXPECT_EQ(lookups.next(), std::to_string(most) + ".example");
  EXPECT_EQ(lookups.next(), std::nullopt);
  EXPECT_EQ(lookups.running(), most);
}

TEST(SharedLookups, AnswersAreBoundedAndTheOneThatEndsFirstGoes) {
  SharedLookups lookups({.kept = 3});
  const auto learn = [&](const std::string& name, core::Duration good_for) {
    lookups.wait(name, [](const NameAnswer& /*answer*/) {});
    lookups.next();
    lookups.answered(name, found("192.0.2.1", good_for), start);
  };
  learn("long.example", 300s);
  learn("short.example", 20s);
  learn("middle.example", 200s);
  learn("new.example", 100s);
  EXPECT_EQ(lookups.kept("short.example", start), nullptr);
  for (const auto* name : {"long.example", "middle.example", "new.example"})
    EXPECT_NE(lookups.kept(name, start), nullptr) << name;
}

TEST_F(Waiters, WhoIsAnsweredMayAskAgain) {
  lookups.wait("a.example", [this](const NameAnswer& /*answer*/) { wait("a.example"); });
  lookups.next();
  lookups.answered("a.example", found("192.0.2.1", 0s), start);
  EXPECT_EQ(lookups.next(), "a.example");
}

TEST_F(Waiters, OtherNameserversMakeEverythingNew) {
  wait("a.example");
  lookups.next();
  lookups.answered("a.example", found("192.0.2.1"), start);
  lookups.forget();
  EXPECT_EQ(lookups.kept("a.example", start), nullptr);
}

}  // namespace
}  // namespace tfunnel::test
