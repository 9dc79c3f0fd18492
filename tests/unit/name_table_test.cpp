// Names are remembered while they are true, in bounded memory, and only from real answers.
#include "proxy/names/name_table.hpp"

#include <gtest/gtest.h>

#include "proxy/dns/server_order.hpp"
#include "proxy/names/dns_names.hpp"
#include "tests/unit/support/dns.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using proxy::NameTable;

std::string name_of(const NameTable& table, const std::string& text, core::Time now = start) {
  const auto known = table.find(address_of(text), now);
  return known ? known->name : "";
}
Bytes content(const std::string& text) {
  const auto parsed = address_of(text);
  return bytes_of(parsed.wire());
}

TEST(NameTable, NameIsForgottenWhenItsTimeIsOver) {
  NameTable table({.least = 1min, .most = 1h});
  table.learn(address_of("192.0.2.1"), "a.example", 10min, start);
  EXPECT_EQ(name_of(table, "192.0.2.1", start + 10min - 1s), "a.example");
  EXPECT_EQ(name_of(table, "192.0.2.1", start + 10min), "");
  EXPECT_EQ(name_of(table, "192.0.2.2"), "");
}

TEST(NameTable, TimesAreKeptBetweenSaneLimits) {
  NameTable table({.least = 1min, .most = 1h});
  table.learn(address_of("192.0.2.1"), "zero.example", 0s, start);
  table.learn(address_of("192.0.2.2"), "week.example", 24h * 7, start);
  EXPECT_EQ(name_of(table, "192.0.2.1", start + 59s), "zero.example");
  EXPECT_EQ(name_of(table, "192.0.2.2", start + 1h), "");
}

TEST(NameTable, LatestNameOfAnAddressCounts) {
  NameTable table;
  table.learn(address_of("2001:db8::1"), "old.example", 1h, start);
  table.learn(address_of("2001:db8::1"), "new.example", 1h, start + 1s);
  EXPECT_EQ(name_of(table, "2001:db8::1", start + 2s), "new.example");
  EXPECT_EQ(table.size(), 1U);
}

TEST(NameTable, AddressIsSharedForAsLongAsAnotherNameIsGood) {
  const auto shared = [](const NameTable& table, core::Time now) {
    const auto known = table.find(address_of("192.0.2.1"), now);
    return known && known->shared;
  };
  NameTable table({.least = 1min, .most = 1h});
  table.learn(address_of("192.0.2.1"), "bank.example", 10min, start);
  table.learn(address_of("192.0.2.1"), "bank.example", 10min, start);
  EXPECT_FALSE(shared(table, start)) << "the same name again";
  table.learn(address_of("192.0.2.1"), "evil.example", 30min, start);
  EXPECT_TRUE(shared(table, start + 10min - 1s));
  EXPECT_FALSE(shared(table, start + 10min));
  table.learn(address_of("192.0.2.1"), "bank.example", 60min, start + 20min);
  EXPECT_TRUE(shared(table, start + 30min - 1s)) << "whichever came last";
  EXPECT_FALSE(shared(table, start + 30min));
}

TEST(NameTable, FullTableForgetsTheOldestFirst) {
  NameTable table({.entries = 3});
  for (const auto* text : {"192.0.2.1", "192.0.2.2", "192.0.2.3"})
    table.learn(address_of(text), "a.example", 1h, start);
  table.learn(address_of("192.0.2.1"), "again.example", 1h, start);
  table.learn(address_of("192.0.2.4"), "d.example", 1h, start);
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(name_of(table, "192.0.2.2"), "");
  EXPECT_EQ(name_of(table, "192.0.2.1"), "again.example");
  EXPECT_EQ(name_of(table, "192.0.2.4"), "d.example");
}

TEST(DnsNames, AliasesLeadToTheNameThatWasAskedFor) {
  NameTable table;
  const auto answer =
      dns_answer(dns_query("WWW.example.com"), {{"www.example.com", type_cname, 300, dns_name("x.cdn.example")},
                                                {"x.cdn.example", type_cname, 300, dns_name("y.cdn.example")},
                                                {"y.cdn.example", type_a, 300, content("192.0.2.7")},
                                                {"y.cdn.example", type_a, 300, content("192.0.2.8")}});
  learn_names(table, answer, start);
  EXPECT_EQ(name_of(table, "192.0.2.7"), "www.example.com");
  EXPECT_EQ(name_of(table, "192.0.2.8"), "www.example.com");
}

TEST(DnsNames, Ipv6AnswersAreLearntToo) {
  NameTable table;
  const auto query = dns_query("six.example", type_aaaa);
  learn_names(table, dns_answer(query, {{"six.example", type_aaaa, 30, content("2001:db8::9")}}), start);
  EXPECT_EQ(name_of(table, "2001:db8::9", start + 1min), "six.example");
}

TEST(DnsNames, WhatIsNoAnswerTeachesNothing) {
  NameTable table;
  const std::vector<DnsRecord> records{{"a.example", type_a, 300, content("192.0.2.7")}};
  learn_names(table, dns_answer(dns_query("a.example"), records, 3), start);   // NXDOMAIN
  learn_names(table, dns_answer(dns_query("10.0.0.1"), records), start);       // no host name
  learn_names(table, dns_answer(dns_query("a.example", 15), records), start);  // MX
  auto query = dns_answer(dns_query("a.example"), records);
  query[2] &= 0x7f;
  learn_names(table, query, start);
  EXPECT_EQ(table.size(), 0U);
}

TEST(DnsNames, BrokenAnswersAreHarmless) {
  Random random(9);
  NameTable table;
  const auto good = dns_answer(dns_query("a.example"), {{"a.example", type_cname, 300, dns_name("b.example")},
                                                        {"b.example", type_a, 300, content("192.0.2.7")}});
  for (int i = 0; i < 5000; ++i) {
    auto bytes = good;
    for (int change = 0; change < 3; ++change) bytes[random.below(bytes.size())] = random.bytes(1)[0];
    bytes.resize(random.below(bytes.size() + 1));
    learn_names(table, Bytes(bytes), start);
  }
  learn_names(table, good, start);
  EXPECT_EQ(name_of(table, "192.0.2.7"), "a.example");
}

TEST(ServerOrder, DeadFirstServerDoesNotDelayEveryQuery) {
  proxy::ServerOrder order;
  const std::vector servers{endpoint("192.0.2.1", 53), endpoint("192.0.2.2", 53), endpoint("192.0.2.3", 53)};
  EXPECT_EQ(order.arrange(servers, start), servers);
  order.failed(servers[0], start);
  EXPECT_EQ(order.arrange(servers, start + 1s), (std::vector{servers[1], servers[2], servers[0]}));
  EXPECT_EQ(order.arrange(servers, start + 30s), servers) << "it gets another chance";
  order.failed(servers[0], start);
  order.worked(servers[0]);
  EXPECT_EQ(order.arrange(servers, start + 1s), servers);
}

}  // namespace
}  // namespace tfunnel::test
