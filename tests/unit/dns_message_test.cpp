// DNS messages: who answers whom, how large, and nothing read beyond the end.
#include "proxy/dns/dns_message.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using namespace proxy;

TEST(DnsMessage, QueriesAndOtherThingsAreToldApart) {
  const auto query = dns_query("www.example.com");
  EXPECT_TRUE(dns::is_query(query));
  EXPECT_FALSE(dns::is_query(dns_answer(query, {})));
  EXPECT_FALSE(dns::is_query({}));
  for (std::size_t size = 0; size < query.size(); ++size)
    EXPECT_FALSE(dns::is_query(core::ByteView(query).first(size))) << size;
}

TEST(DnsMessage, AnswerNeedsIdQuestionAndDirection) {
  const auto query = dns_query("www.example.com");
  EXPECT_TRUE(dns::answers(dns_answer(query, {}), query));
  EXPECT_FALSE(dns::answers(query, query)) << "an echo";
  EXPECT_FALSE(dns::answers(dns_answer(dns_query("www.example.com", type_a, 0x1235), {}), query)) << "another id";
  EXPECT_FALSE(dns::answers(dns_answer(dns_query("www.example.org"), {}), query)) << "another name";
  EXPECT_FALSE(dns::answers(dns_answer(dns_query("www.example.com", type_aaaa), {}), query)) << "another type";
}

TEST(DnsMessage, CaseOfTheNameDoesNotMatter) {
  EXPECT_TRUE(dns::answers(dns_answer(dns_query("www.EXAMPLE.com"), {}), dns_query("WwW.example.com")));
}

TEST(DnsMessage, ErrorMayLeaveTheQuestionOut) {
  const auto query = dns_query("www.example.com");
  Bytes error(query.begin(), query.begin() + 12);
  error[2] = 0x80;
  error[3] = 1;
  error[5] = 0;
  EXPECT_TRUE(dns::answers(error, query));
  error[3] = 0;
  EXPECT_FALSE(dns::answers(error, query)) << "no error and no question: anybody could say that";
}

TEST(DnsMessage, UdpLimitIsWhatTheClientSays) {
  EXPECT_EQ(dns::udp_limit(dns_query("a.example")), 512U);
  EXPECT_EQ(dns::udp_limit(dns_query("a.example", type_a, 1, 1232)), 1232U);
  EXPECT_EQ(dns::udp_limit(dns_query("a.example", type_a, 1, 100)), 512U) << "RFC 6891, 6.2.3";
}

TEST(DnsMessage, TruncatedAnswerIsShortAndSaysSo) {
  const auto query = dns_query("a.example", type_a, 7, 1232);
  const auto answer = dns_answer(dns_query("a.example", type_a, 7),
                                 std::vector<DnsRecord>(100, {"a.example", type_a, 60, Bytes(4, 1)}));
  const auto cut = dns::truncated(answer, query);
  EXPECT_LE(cut.size(), 512U);
  EXPECT_TRUE(dns::is_truncated(cut));
  EXPECT_TRUE(dns::answers(cut, query));
  EXPECT_EQ(cut[7], 0) << "no answers";
  EXPECT_EQ(cut[11], 1) << "an EDNS record, since the query had one";
  EXPECT_EQ(dns::truncated(answer, dns_query("a.example", type_a, 7))[11], 0);
}

TEST(DnsMessage, FailureAnswersTheQuery) {
  const auto query = dns_query("a.example", type_a, 7, 1232);
  const auto failure = dns::failure(query, dns::Rcode::server_failure);
  EXPECT_TRUE(dns::answers(failure, query));
  EXPECT_EQ(dns::rcode_of(failure), dns::Rcode::server_failure);
}

TEST(DnsMessage, NothingIsReadBeyondTheEnd) {
  Random random(5);
  const auto good = dns_query("www.example.com", type_a, 1, 1232);
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = random.one_in(4) ? random.bytes(random.below(64)) : good;
    for (int change = 0; change < 3 && !bytes.empty(); ++change) bytes[random.below(bytes.size())] = random.bytes(1)[0];
    bytes.resize(random.below(bytes.size() + 1));
    const Bytes exact(bytes);  // its own allocation: the sanitizer sees one byte too many
    if (dns::is_query(exact)) {
      EXPECT_GE(dns::udp_limit(exact), 512U);
      EXPECT_TRUE(dns::is_truncated(dns::truncated(exact, exact)));
    }
    static_cast<void>(dns::answers(exact, good));
  }
}

}  // namespace
}  // namespace tfunnel::test
