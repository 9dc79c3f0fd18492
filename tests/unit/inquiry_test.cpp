// The far resolver asks the right server at the right time, and the right answer counts.
#include "proxy/dns/inquiry.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>

#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using proxy::Inquiry;
using std::chrono::milliseconds;
using std::chrono::seconds;

const auto a = endpoint("192.0.2.1", 53);
const auto b = endpoint("192.0.2.2", 53);
constexpr std::uint8_t server_failure = 2;
constexpr std::uint8_t no_such_name = 3;
constexpr std::uint8_t dns_refused = 5;

Bytes reply(std::uint8_t rcode = 0) { return dns_answer(dns_query("a.example"), {}, rcode); }
error_code closed() { return asio::error::connection_refused; }

class InquiryTest : public testing::Test {
 protected:
  /// Lets the time pass until the next server is due, and tells which; nothing: it is over.
  std::optional<core::Endpoint> next(Inquiry& inquiry) {
    now_ = std::max(now_, inquiry.due());
    const auto server = inquiry.next(now_);
    EXPECT_EQ(inquiry.next(now_), std::nullopt) << "only one at a time";
    return server;
  }
  [[nodiscard]] long passed() const { return std::chrono::duration_cast<seconds>(now_ - start_).count(); }

  const core::Time start_ = core::Time(seconds(1000));
  core::Time now_ = start_;
};

TEST_F(InquiryTest, LostQueryIsAskedAgainAndSilenceIsTimedOut) {
  Inquiry inquiry({a}, {});
  EXPECT_EQ(next(inquiry), a);
  EXPECT_EQ(passed(), 0);
  EXPECT_EQ(next(inquiry), a) << "the second attempt";
  EXPECT_EQ(passed(), 5);
  EXPECT_EQ(next(inquiry), std::nullopt);
  EXPECT_EQ(passed(), 10) << "the last one has its time, too";
  ASSERT_TRUE(inquiry.over());
  EXPECT_EQ(inquiry.outcome().error(), asio::error::timed_out);
}

TEST_F(InquiryTest, AllServersAreAskedInTurnAsOftenAsTheOptionsSay) {
  Inquiry inquiry({a, b}, {seconds(1), 3, false});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(next(inquiry), a);
    EXPECT_EQ(next(inquiry), b);
  }
  EXPECT_EQ(next(inquiry), std::nullopt);
  EXPECT_EQ(passed(), 6);
}

TEST_F(InquiryTest, LateAnswerOfAnEarlierServerCounts) {
  Inquiry inquiry({a, b}, {});
  next(inquiry);
  EXPECT_EQ(next(inquiry), b);
  inquiry.heard(a, reply(), now_);
  ASSERT_TRUE(inquiry.over());
  EXPECT_EQ(inquiry.outcome().value(), reply());
  EXPECT_EQ(inquiry.answerer(), a);
  inquiry.heard(b, reply(no_such_name), now_);
  EXPECT_EQ(inquiry.outcome().value(), reply()) << "the first one counts";
}

TEST_F(InquiryTest, NoSuchNameIsAnAnswer) {
  Inquiry inquiry({a, b}, {});
  next(inquiry);
  inquiry.heard(a, reply(no_such_name), now_);
  EXPECT_TRUE(inquiry.over());
}

TEST_F(InquiryTest, TroubleMovesOnAtOnceAndIsTheLastWordOnlyWithoutABetterOne) {
  Inquiry inquiry({a, b}, {});
  next(inquiry);
  inquiry.heard(a, reply(dns_refused), now_);
  EXPECT_EQ(next(inquiry), b);
  EXPECT_EQ(passed(), 0);
  auto other = inquiry;
  inquiry.heard(b, reply(server_failure), now_);
  ASSERT_TRUE(inquiry.over());
  EXPECT_EQ(inquiry.outcome().value(), reply(dns_refused)) << "what the first one said";
  EXPECT_EQ(next(other), b) << "and a is not asked again";
  EXPECT_EQ(passed(), 5);
  EXPECT_EQ(next(other), std::nullopt);
  EXPECT_EQ(other.outcome().value(), reply(dns_refused)) << "the other one is silent";
}

TEST_F(InquiryTest, ServerThatCannotBeAskedIsPassedOverAtOnceAndItsErrorIsTold) {
  Inquiry inquiry({a, b}, {});
  for (const auto& server : {a, b, a, b}) {
    EXPECT_EQ(next(inquiry), server);
    inquiry.failed(server, closed(), now_);
  }
  EXPECT_EQ(next(inquiry), std::nullopt);
  EXPECT_EQ(passed(), 0);
  EXPECT_EQ(inquiry.outcome().error(), closed());
}

TEST_F(InquiryTest, OneSilentServerAmongClosedOnesMakesItSilence) {
  Inquiry inquiry({a, b}, {});
  while (const auto server = next(inquiry)) {
    if (*server == b) inquiry.failed(b, closed(), now_);
  }
  EXPECT_EQ(passed(), 10);
  EXPECT_EQ(inquiry.outcome().error(), asio::error::timed_out);
}

TEST_F(InquiryTest, OurOwnWantOfRoomIsSilenceAndNotTheServersFault) {
  Inquiry inquiry({a}, {});
  next(inquiry);
  inquiry.failed(a, asio::error::no_buffer_space, now_);
  EXPECT_EQ(inquiry.next(now_), std::nullopt) << "a second attempt at once would fail as well";
  EXPECT_EQ(next(inquiry), a);
  inquiry.failed(a, asio::error::no_descriptors, now_);
  next(inquiry);
  EXPECT_EQ(inquiry.outcome().error(), asio::error::timed_out);
}

TEST_F(InquiryTest, AskersRepetitionBringsTheNextTurnForwardButAddsNone) {
  Inquiry inquiry({a, b}, {});
  next(inquiry);
  inquiry.hurry(now_);
  EXPECT_EQ(inquiry.next(now_), std::nullopt) << "two copies of one datagram";
  for (int i = 1; i <= 3; ++i) {
    now_ += Inquiry::least_gap;
    inquiry.hurry(now_);
    EXPECT_NE(inquiry.next(now_), std::nullopt);
  }
  now_ += Inquiry::least_gap;
  inquiry.hurry(now_);
  EXPECT_EQ(inquiry.next(now_), std::nullopt);
  EXPECT_FALSE(inquiry.over()) << "the last server has its time";
  EXPECT_EQ(next(inquiry), std::nullopt);
  EXPECT_TRUE(inquiry.over());
}

TEST_F(InquiryTest, SilentServersAreTold) {
  Inquiry inquiry({a, b}, {seconds(1), 1, false});
  next(inquiry);
  EXPECT_EQ(inquiry.take_silent(), std::nullopt);
  next(inquiry);
  EXPECT_EQ(inquiry.take_silent(), a);
  EXPECT_EQ(inquiry.take_silent(), std::nullopt);
  inquiry.heard(b, reply(dns_refused), now_);
  next(inquiry);
  EXPECT_EQ(inquiry.take_silent(), std::nullopt);
}

TEST_F(InquiryTest, WhoWasNotAskedIsNotHeard) {
  Inquiry inquiry({a}, {});
  next(inquiry);
  inquiry.heard(b, reply(), now_);
  inquiry.failed(b, closed(), now_);
  EXPECT_FALSE(inquiry.over());
  EXPECT_EQ(inquiry.next(now_), std::nullopt);
}

}  // namespace
}  // namespace tfunnel::test
