// A wrong password is not sent again and again, and a right one held up nowhere.
#include "proxy/credential_trust.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::CredentialTrust;
using Verdict = CredentialTrust::Verdict;
using Trial = CredentialTrust::Trial;
using namespace std::chrono_literals;

const core::Time start{1h};

class Credentials : public testing::Test {
 protected:
  Verdict ask(const std::string& destination, core::Time now = start) {
    Trial trial;
    return trust_.ask(destination, now, trial);
  }
  /// A whole attempt; true if the password was sent.
  bool fails(const std::string& destination, core::Time now = start) {
    Trial trial;
    if (trust_.ask(destination, now, trial) != Verdict::show) return false;
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
  ASSERT_EQ(trust_.ask("a", start, first), Verdict::show);
  EXPECT_EQ(ask("b"), Verdict::wait);
  trust_.unclear();
  first = Trial();
  Trial second;
  EXPECT_EQ(trust_.ask("b", start, second), Verdict::show);
  EXPECT_EQ(ask("c"), Verdict::show) << "two at once by now";
}

TEST_F(Credentials, RefusedOnesRestForTheSameDestinationAtOnce) {
  EXPECT_TRUE(fails("a"));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(fails("a", start + 4min));
  EXPECT_TRUE(fails("a", start + 5min)) << "then they are tried again";
}

TEST_F(Credentials, RefusedOnesRestForAllAfterAHandful) {
  EXPECT_LE(failed_logins(1000), 2);
  EXPECT_TRUE(trust_.resting(start + 4min));
  EXPECT_EQ(failed_logins(1000, start + 299s), 0);
  EXPECT_LE(failed_logins(1000, start + 301s), 2);
}

TEST_F(Credentials, ChangedPasswordOfAProvenAccountIsSentAHandfulOfTimes) {
  trust_.accepted(start);
  EXPECT_LE(failed_logins(1000, start + 1h), 3);
}

TEST_F(Credentials, DestinationThatIsForbiddenBy407DoesNotMakeThemRest) {
  EXPECT_TRUE(fails("forbidden"));
  EXPECT_EQ(ask("fine"), Verdict::show);
  trust_.accepted(start);
  for (int i = 0; i < 50; ++i) {
    const auto now = start + i * 10s;
    fails("forbidden", now);
    EXPECT_EQ(ask("fine", now), Verdict::show) << i;
    trust_.accepted(now);
  }
}

TEST_F(Credentials, OfManyAtOnceOneTriesThem) {
  Trial first;
  EXPECT_EQ(trust_.ask("a", start, first), Verdict::show);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("b" + std::to_string(i)), Verdict::wait);
  trust_.refused(start);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("b" + std::to_string(i)), Verdict::withhold);
}

TEST_F(Credentials, ProvenOnesHoldNobodyUp) {
  Trial first;
  trust_.ask("a", start, first);
  trust_.accepted(start);
  std::vector<Trial> all(1000);
  for (auto& trial : all) EXPECT_EQ(trust_.ask("a", start + 59s, trial), Verdict::show);
}

TEST_F(Credentials, TrialThatComesToNothingLetsTheNextTry) {
  int told = 0;
  trust_.on_change([&] { ++told; });
  {
    Trial first;
    trust_.ask("a", start, first);
    EXPECT_EQ(ask("b"), Verdict::wait);
  }
  EXPECT_GE(told, 1);
  EXPECT_EQ(ask("b"), Verdict::show);
}

TEST_F(Credentials, SlowTrialsDoNotHoldUpTheOthersForLong) {
  std::vector<Trial> trials(64);
  std::size_t shown = 0;
  for (auto now = start; now < start + 8s; now += 100ms) {
    while (shown < trials.size() && trust_.ask(std::to_string(shown), now, trials[shown]) == Verdict::show) ++shown;
  }
  EXPECT_EQ(shown, trials.size());
}

TEST_F(Credentials, NewPasswordEndsTheRest) {
  trust_.refused(start);
  EXPECT_EQ(ask("a"), Verdict::withhold);
  trust_.changed();
  EXPECT_EQ(ask("a"), Verdict::show);
}

TEST_F(Credentials, ManyForbiddenDestinationsTakeNoMemoryWithoutBound) {
  for (int i = 0; i < 1000; ++i) {
    trust_.accepted(start);
    fails("host" + std::to_string(i), start);
  }
  trust_.accepted(start);
  EXPECT_EQ(ask("host0"), Verdict::show) << "the oldest was forgotten";
  EXPECT_EQ(ask("host999"), Verdict::withhold);
}

}  // namespace
}  // namespace tfunnel::test
