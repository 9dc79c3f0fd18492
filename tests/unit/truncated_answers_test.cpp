// A server that truncates an answer is asked for the rest of it.
#include "proxy/dns/truncated_answers.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/dns.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using proxy::TruncatedAnswers;

const auto server = endpoint("192.0.2.1", 53);
const auto other_server = endpoint("192.0.2.2", 53);

TEST(TruncatedAnswers, QuestionIsTheSameWithAnotherIdAndOtherOptions) {
  TruncatedAnswers answers;
  answers.note(dns_query("a.example", type_a, 1, 1232), server, start);
  EXPECT_EQ(answers.find(dns_query("a.example", type_a, 2), start), server);
  EXPECT_EQ(answers.find(dns_query("a.example", type_aaaa, 1, 1232), start), std::nullopt);
  EXPECT_EQ(answers.find(dns_query("b.example", type_a, 1, 1232), start), std::nullopt);
}

TEST(TruncatedAnswers, NewestServerCountsAndOnlyForAWhile) {
  TruncatedAnswers answers;
  answers.note(dns_query("a.example"), server, start);
  answers.note(dns_query("a.example"), other_server, start);
  EXPECT_EQ(answers.find(dns_query("a.example"), start), other_server);
  EXPECT_EQ(answers.find(dns_query("a.example"), start + TruncatedAnswers::lifetime), std::nullopt);
}

TEST(TruncatedAnswers, OldestGoesWhenThereAreTooMany) {
  TruncatedAnswers answers;
  const auto name = [](std::size_t i) { return dns_query("n" + std::to_string(i) + ".example"); };
  for (std::size_t i = 0; i <= TruncatedAnswers::most; ++i) answers.note(name(i), server, start);
  EXPECT_EQ(answers.find(name(0), start), std::nullopt);
  EXPECT_EQ(answers.find(name(1), start), server);
}

}  // namespace
}  // namespace tfunnel::test
