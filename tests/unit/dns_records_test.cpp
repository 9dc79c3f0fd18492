// Answers that are made here, and what others' answers tell.
#include "proxy/dns/dns_records.hpp"

#include <gtest/gtest.h>

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using namespace proxy;

TEST(DnsRecords, AddressAnswerIsWhatAStrictReaderTakes) {
  const auto query = dns_query("Www.Example.com", type_a, 0x4711, 4096);
  const auto answer = dns::with_address(query, address_of("198.19.1.2"), 30);
  EXPECT_TRUE(dns::answers(answer, query));
  std::array<ares_addrttl, 2> found{};
  int count = 2;
  ASSERT_EQ(ares_parse_a_reply(answer.data(), static_cast<int>(answer.size()), nullptr, found.data(), &count), 0);
  ASSERT_EQ(count, 1);
  EXPECT_EQ(found[0].ipaddr.s_addr, ::inet_addr("198.19.1.2"));
  EXPECT_EQ(found[0].ttl, 30);
  // QR and RD, RA; a question, an answer, and what EDNS wants.
  EXPECT_EQ(Bytes(answer.begin() + 2, answer.begin() + 12), (Bytes{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(Bytes(answer.end() - 11, answer.end() - 8), (Bytes{0, 0, type_opt})) << "last of all";
}

TEST(DnsRecords, Ipv6AndReverseAnswersToo) {
  const auto query = dns_query("www.example.com", type_aaaa);
  const auto answer = dns::with_address(query, address_of("fd0b::1"), 70'000);
  std::array<ares_addr6ttl, 2> found{};
  int count = 2;
  ASSERT_EQ(ares_parse_aaaa_reply(answer.data(), static_cast<int>(answer.size()), nullptr, found.data(), &count), 0);
  ASSERT_EQ(count, 1);
  EXPECT_EQ(found[0].ttl, 70'000);

  const auto reverse = dns::with_name(dns_query("2.1.19.198.in-addr.arpa", 12), "www.example.com", 30);
  hostent* host = nullptr;
  const auto number = address_of("198.19.1.2").v4_bytes();
  ASSERT_EQ(ares_parse_ptr_reply(reverse.data(), static_cast<int>(reverse.size()), number.data(), 4, AF_INET, &host),
            0);
  EXPECT_STREQ(host->h_name, "www.example.com");
  ares_free_hostent(host);
}

TEST(DnsRecords, NoRecordsIsNoErrorAndNoSoa) {
  const auto answer = dns::without_records(dns_query("www.example.com", 65));
  EXPECT_EQ(dns::rcode_of(answer), dns::Rcode::no_error);
  EXPECT_EQ(Bytes(answer.begin() + 6, answer.begin() + 12), Bytes(6, 0));
}

TEST(DnsRecords, QueryOfOurOwnIsWellFormed) {
  const auto query = dns::make_query("com", dns::ns_record, 7);
  EXPECT_TRUE(dns::is_query(query));
  EXPECT_EQ(query, dns_query("com", dns::ns_record, 7));
  EXPECT_EQ(dns::asked_name(query), "com");
}

TEST(DnsRecords, ReverseNamesOfBothFamilies) {
  EXPECT_EQ(dns::reverse_address("53.0.18.198.in-addr.arpa"), address_of("198.18.0.53"));
  EXPECT_EQ(dns::reverse_address("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.f.e.a.2.f.8.9.8.b.d.e.7.b.0.d.f.ip6.arpa"),
            address_of("fd0b:7edb:898f:2aef::1"));
  for (const auto* other :
       {"53.0.18.in-addr.arpa", "1.53.0.18.198.in-addr.arpa", "256.0.18.198.in-addr.arpa", "x.0.18.198.in-addr.arpa",
        "53.0.18.198.in-addr.example", "example.com", "arpa", "in-addr.arpa",
        "11.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.f.e.a.2.f.8.9.8.b.d.e.7.b.0.d.f.ip6.arpa"}) {
    EXPECT_FALSE(dns::reverse_address(other)) << other;
  }
}

/// A response without answers whose authority section has this record.
Bytes denial(const DnsRecord& record) {
  auto message = dns_answer(dns_query("x.corp.example"), {record}, 3);
  std::swap(message[7], message[9]);
  return message;
}

TEST(DnsRecords, ZoneOfADenialIsFound) {
  EXPECT_EQ(dns::authority_of(denial({"Corp.example", 6, 60, Bytes(22, 0)})).zone, "corp.example");
  EXPECT_EQ(dns::authority_of(denial({"", 6, 60, Bytes(22, 0)})).zone, "");
  EXPECT_FALSE(dns::authority_of(dns_answer(dns_query("x.corp.example"), {}, 3)).zone);
  EXPECT_FALSE(dns::authority_of(denial({"corp.example", 6, 60, Bytes(22, 0)})).is_referral);
}

TEST(DnsRecords, ServerThatOnlyNamesOthersIsSeenThrough) {
  EXPECT_TRUE(dns::authority_of(denial({"", 2, 60, dns_name("a.root-servers.net")})).is_referral);
  EXPECT_FALSE(dns::authority_of(dns_answer(dns_query("x.example"), {})).is_referral);
}

TEST(DnsRecords, AnswersOfATypeAreCounted) {
  const std::vector<DnsRecord> records{{"www.example.com", type_cname, 9, dns_name("x.example")},
                                       {"x.example", type_a, 9, {203, 0, 113, 5}}};
  const auto answer = dns_answer(dns_query("www.example.com"), records);
  EXPECT_EQ(dns::count_answers(answer, type_a), 1U);
  EXPECT_EQ(dns::count_answers(answer, type_aaaa), 0U);
}

TEST(DnsRecords, MessagesThatAreCutAnywhereDoNoHarm) {
  const std::vector<DnsRecord> records{{"www.example.com", type_cname, 9, dns_name("x.example")},
                                       {"x.example", type_a, 9, {203, 0, 113, 5}}};
  const auto answer = dns_answer(dns_query("www.example.com"), records);
  for (std::size_t size = dns::header_size; size < answer.size(); ++size) {
    const Bytes part(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size));
    dns::asked_name(part);
    dns::authority_of(part);
    EXPECT_LE(dns::count_answers(part, type_a), 1U);
  }
}

}  // namespace
}  // namespace tfunnel::test
