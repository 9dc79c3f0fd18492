// A wrong password is not sent again and again, and a right one held up nowhere.
#include "proxy/auth/credential_trust.hpp"
#include "tests/unit/support/time.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::CredentialTrust;
using Trial = CredentialTrust::Trial;
using namespace std::chrono_literals;

class Credentials : public testing::Test {
 protected:
  CredentialTrust::Verdict ask(const std::string& destination, core::Time now = start) {
    Trial trial;
    return trust_.ask(destination, now, trial);
  }
  /// A whole attempt; true if the password was sent.
  bool fails(const std::string& destination, core::Time now = start) {
    Trial trial;
    if (trust_.ask(destination, now, trial) != CredentialTrust::Verdict::show) return false;
    trust_.refused(destination, now);
    return true;
  }
  int failed_logins(int flows, core::Time now = start) {
    int sent = 0;
    for (int i = 0; i < flows; ++i) sent += fails("host" + std::to_string(i), now) ? 1 : 0;
    return sent;
  }

  const std::shared_ptr<CredentialTrust> shared_ = std::make_shared<CredentialTrust>();
  CredentialTrust& trust_ = *shared_;
};

TEST_F(Credentials, AnswersThatTellNothingDoNotMakeAQueue) {
  Trial first;
  ASSERT_EQ(trust_.ask("a", start, first), CredentialTrust::Verdict::show);
  EXPECT_EQ(ask("b"), CredentialTrust::Verdict::wait);
  trust_.unclear();
  first = Trial();
  Trial second;
  EXPECT_EQ(trust_.ask("b", start, second), CredentialTrust::Verdict::show);
  EXPECT_EQ(ask("c"), CredentialTrust::Verdict::show) << "two at once by now";
}

TEST_F(Credentials, RefusedOnesRestForTheSameDestinationAtOnce) {
  EXPECT_TRUE(fails("a"));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(fails("a", start + 4min));
  EXPECT_TRUE(fails("a", start + 5min)) << "then they are tried again";
}

TEST_F(Credentials, RefusedOnesRestForAllAfterAHandful) {
  EXPECT_LE(failed_logins(1000), 2);
  EXPECT_EQ(trust_.rest_at(start + 4min), CredentialTrust::Rest::everywhere);
  EXPECT_EQ(failed_logins(1000, start + 299s), 0);
  EXPECT_LE(failed_logins(1000, start + 301s), 2);
}

TEST_F(Credentials, ChangedPasswordOfAProvenAccountIsSentAHandfulOfTimes) {
  trust_.accepted("fine", start);
  EXPECT_LE(failed_logins(1000, start + 1h), 3);
}

TEST_F(Credentials, DestinationThatIsForbiddenBy407DoesNotMakeThemRest) {
  EXPECT_TRUE(fails("forbidden"));
  EXPECT_EQ(ask("fine"), CredentialTrust::Verdict::show);
  trust_.accepted("fine", start);
  for (int i = 0; i < 50; ++i) {
    const auto now = start + i * 10s;
    fails("forbidden", now);
    EXPECT_EQ(ask("fine", now), CredentialTrust::Verdict::show) << i;
    trust_.accepted("fine", now);
  }
}

TEST_F(Credentials, ManyForbiddenDestinationsInARowLeaveThoseWhereTheyWereAccepted) {
  trust_.accepted("fine", start);
  const auto now = start + 1h;
  failed_logins(10, now);
  EXPECT_EQ(ask("new", now), CredentialTrust::Verdict::withhold) << "a wrong password would be sent without end";
  EXPECT_EQ(ask("fine", now), CredentialTrust::Verdict::show);
  trust_.accepted("fine", now);
  EXPECT_EQ(ask("new", now), CredentialTrust::Verdict::show) << "they are good, it turns out";
}

TEST_F(Credentials, ForbiddenDestinationsAMomentAfterSuccessLeaveTheOthers) {
  trust_.accepted("fine", start);
  for (const auto* forbidden : {"a", "b", "c"}) EXPECT_TRUE(fails(forbidden, start + 30s));
  EXPECT_EQ(ask("new", start + 30s), CredentialTrust::Verdict::show);
  EXPECT_LE(failed_logins(1000, start + 30s), 2) << "five in all";
}

TEST_F(Credentials, RefusedOnceMoreWhereTheyWereAcceptedTheyRestForAll) {
  for (int i = 0; i < 100; ++i) trust_.accepted("fine" + std::to_string(i), start);
  const auto now = start + 1h;
  int sent = failed_logins(1000, now);
  for (int i = 0; i < 100; ++i) sent += fails("fine" + std::to_string(i), now) ? 1 : 0;
  EXPECT_LE(sent, 4);
  EXPECT_EQ(trust_.rest_at(now), CredentialTrust::Rest::everywhere);
}

TEST_F(Credentials, WhileInDoubtANewDestinationWaitsForATrialElsewhere) {
  trust_.accepted("fine", start);
  const auto now = start + 1h;
  failed_logins(10, now);
  Trial trial;
  ASSERT_EQ(trust_.ask("fine", now, trial), CredentialTrust::Verdict::show);
  EXPECT_EQ(ask("fine", now), CredentialTrust::Verdict::wait) << "one at a time";
  EXPECT_EQ(ask("new", now), CredentialTrust::Verdict::wait);
  EXPECT_EQ(ask("new", now + 1s), CredentialTrust::Verdict::withhold) << "it waits for its destination, it seems";
}

TEST_F(Credentials, AcceptingDestinationsTakeNoMemoryWithoutBound) {
  for (int i = 0; i < 1000; ++i) trust_.accepted("host" + std::to_string(i), start + i * 1ms);
  for (int i = 0; i < 10; ++i) fails("forbidden" + std::to_string(i), start + 1h);
  EXPECT_EQ(ask("host0", start + 1h), CredentialTrust::Verdict::withhold) << "the oldest was forgotten";
  EXPECT_EQ(ask("host999", start + 1h), CredentialTrust::Verdict::show);
}

TEST_F(Credentials, OfManyAtOnceOneTriesThem) {
  Trial first;
  EXPECT_EQ(trust_.ask("a", start, first), CredentialTrust::Verdict::show);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("b" + std::to_string(i)), CredentialTrust::Verdict::wait);
  trust_.refused(start);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("b" + std::to_string(i)), CredentialTrust::Verdict::withhold);
}

TEST_F(Credentials, ProvenOnesHoldNobodyUp) {
  Trial first;
  trust_.ask("a", start, first);
  trust_.accepted("fine", start);
  std::vector<Trial> all(1000);
  for (auto& trial : all) EXPECT_EQ(trust_.ask("a", start + 59s, trial), CredentialTrust::Verdict::show);
}

TEST_F(Credentials, TrialThatComesToNothingLetsTheNextTry) {
  int told = 0;
  trust_.on_change([&] { ++told; });
  {
    Trial first;
    trust_.ask("a", start, first);
    EXPECT_EQ(ask("b"), CredentialTrust::Verdict::wait);
  }
  EXPECT_GE(told, 1);
  EXPECT_EQ(ask("b"), CredentialTrust::Verdict::show);
}

TEST_F(Credentials, SlowTrialsDoNotHoldUpTheOthersForLong) {
  std::vector<Trial> trials(64);
  std::size_t shown = 0;
  for (auto now = start; now < start + 8s; now += 100ms) {
    while (shown < trials.size() &&
           trust_.ask(std::to_string(shown), now, trials[shown]) == CredentialTrust::Verdict::show)
      ++shown;
  }
  EXPECT_EQ(shown, trials.size());
}

TEST_F(Credentials, NewPasswordEndsTheRest) {
  trust_.refused(start);
  EXPECT_EQ(ask("a"), CredentialTrust::Verdict::withhold);
  trust_.changed();
  EXPECT_EQ(ask("a"), CredentialTrust::Verdict::show);
}

TEST_F(Credentials, ManyForbiddenDestinationsTakeNoMemoryWithoutBound) {
  for (int i = 0; i < 1000; ++i) {
    trust_.accepted("fine", start);
    fails("host" + std::to_string(i), start);
  }
  trust_.accepted("fine", start);
  EXPECT_EQ(ask("host0"), CredentialTrust::Verdict::show) << "the oldest was forgotten";
  EXPECT_EQ(ask("host999"), CredentialTrust::Verdict::withhold);
}

}  // namespace
}  // namespace tfunnel::test
