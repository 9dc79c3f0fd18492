// Which names get virtual addresses, and which have an answer of their own.
#include "proxy/names/virtual_resolver.hpp"

#include <gtest/gtest.h>

#include "proxy/dns/dns_records.hpp"
#include "proxy/names/special_names.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using namespace proxy;
using dns::Rcode;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint16_t type_soa = 6;
constexpr std::uint16_t type_https = 65;

/// Keeps the questions until the test answers them.
struct FakeNameservers final : DnsUpstream {
  void ask(const core::Endpoint& /*server*/, dns::Message query, Done done) override {
    asked.emplace_back(std::move(query), std::move(done));
  }
  std::vector<std::pair<dns::Message, Done>> asked;
};

Bytes with_soa(const Bytes& query, const std::string& zone, std::uint8_t rcode) {
  auto message = dns_answer(query, {{zone, type_soa, 60, Bytes(22, 0)}}, rcode);
  std::swap(message[7], message[9]);
  return message;
}

class VirtualResolverTest : public testing::Test {
 protected:
  VirtualResolver& make(bool always) {
    settings_.always = always;
    return resolver_.emplace(context_, nameservers_, names_, settings_, log_);
  }
  /// Asks, and returns which answer it will be.
  std::size_t ask(const std::string& name, std::uint16_t type = type_a) {
    const auto number = answers_.size();
    answers_.emplace_back();
    queries_.push_back(dns_query(name, type, static_cast<std::uint16_t>(number)));
    resolver_->ask({}, queries_.back(), [this, number](result<dns::Message> answer) {
      EXPECT_FALSE(answers_[number]) << "answered twice";
      answers_[number] = std::move(answer);
    });
    return number;
  }
  /// The nameservers answer what they were asked as number `which`.
  void say(std::size_t which, const Bytes& answer) { nameservers_.asked.at(which).second(answer); }
  void say_code(std::size_t which, Rcode code) { say(which, dns::failure(nameservers_.asked.at(which).first, code)); }
  void say_address(std::size_t which) {
    const auto& query = nameservers_.asked.at(which).first;
    say(which, dns::with_address(query, *core::Address::parse("10.1.2.3"), 60));
  }
  [[nodiscard]] bool answered(std::size_t number) const { return answers_.at(number).has_value(); }
  const dns::Message& answer(std::size_t number) {
    static const dns::Message nothing(dns::header_size);
    EXPECT_TRUE(answered(number) && *answers_[number]);
    return answered(number) && *answers_[number] ? **answers_[number] : nothing;
  }
  /// Is it the address of our pool that belongs to the name?
  [[nodiscard]] bool is_virtual(std::size_t number, const std::string& name) {
    const auto addresses = names_.assign(name);
    const auto& query = queries_.at(number);
    const auto type = dns::only_question(query)->type;
    return answer(number) == dns::with_address(query, type == type_a ? addresses->v4 : addresses->v6, 30);
  }
  void wait_for(std::size_t number) {
    while (!answered(number)) {
      context_.restart();
      context_.run_one();
    }
  }
  std::string subject(std::size_t which) {
    const auto& query = nameservers_.asked.at(which).first;
    return *dns::asked_name(query) + " " + std::to_string(dns::only_question(query)->type);
  }

  asio::io_context context_;
  io::Log log_{io::LogLevel::error, io::LogFormat::text, "test"};
  FakeNameservers nameservers_;
  VirtualNames names_{{}};
  VirtualResolver::Settings settings_;
  std::optional<VirtualResolver> resolver_;
  std::vector<dns::Message> queries_;
  std::vector<std::optional<result<dns::Message>>> answers_;
};

class EitherMode : public VirtualResolverTest, public testing::WithParamInterface<bool> {
 protected:
  EitherMode() { make(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Mode, EitherMode, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Always" : "Automatic"; });

TEST_P(EitherMode, RealAnswerWins) {
  const auto question = ask("inside.corp.example");
  say_address(0);
  EXPECT_EQ(answer(question), dns::with_address(queries_[0], *core::Address::parse("10.1.2.3"), 60));
  EXPECT_EQ(names_.size(), 0U);
}

TEST_P(EitherMode, RefusalAndTroubleAreNoAnswer) {
  for (const auto code : {Rcode::refused, Rcode::server_failure, Rcode::not_implemented}) {
    const auto name = "n" + std::to_string(static_cast<int>(code)) + ".example.com";
    const auto question = ask(name);
    say_code(nameservers_.asked.size() - 1, code);
    EXPECT_TRUE(is_virtual(question, name)) << static_cast<int>(code);
  }
}

TEST_P(EitherMode, NameserverThatCannotBeReachedIsNoAnswer) {
  const auto question = ask("www.example.com");
  nameservers_.asked.at(0).second(error_code(asio::error::connection_refused));
  EXPECT_TRUE(is_virtual(question, "www.example.com"));
}

TEST_P(EitherMode, BothFamiliesOfANameBelongTogether) {
  const auto v4 = ask("www.example.com");
  const auto v6 = ask("www.example.com", type_aaaa);
  say_code(1, Rcode::refused);
  EXPECT_FALSE(answered(v6)) << "the A record decides";
  say_code(0, Rcode::refused);
  EXPECT_TRUE(is_virtual(v4, "www.example.com"));
  EXPECT_TRUE(is_virtual(v6, "www.example.com"));
}

TEST_P(EitherMode, BrokenIpv6AnswerOfARealNameStaysWhatItIs) {
  const auto v6 = ask("inside.corp.example", type_aaaa);
  const auto v4 = ask("inside.corp.example");
  say_code(0, Rcode::name_error);
  EXPECT_FALSE(answered(v6));
  say_address(1);
  EXPECT_TRUE(answered(v4));
  EXPECT_EQ(dns::rcode_of(answer(v6)), Rcode::name_error);
  EXPECT_EQ(names_.size(), 0U);
}

TEST_P(EitherMode, NameThatIsAskedForByIpv6AloneIsDecidedByItsIpv4) {
  const auto v6 = ask("www.example.com", type_aaaa);
  say_code(0, Rcode::refused);
  ASSERT_EQ(nameservers_.asked.size(), 2U);
  EXPECT_EQ(subject(1), "www.example.com 1");
  say_code(1, Rcode::refused);
  EXPECT_TRUE(is_virtual(v6, "www.example.com"));

  const auto real = ask("inside.corp.example", type_aaaa);
  say_code(2, Rcode::refused);
  say_address(3);
  EXPECT_EQ(dns::rcode_of(answer(real)), Rcode::refused);
}

TEST_P(EitherMode, OtherTypesHaveNoRecords) {
  const auto v4 = ask("www.example.com");
  const auto https = ask("www.example.com", type_https);
  say_code(0, Rcode::refused);
  EXPECT_TRUE(is_virtual(v4, "www.example.com"));
  EXPECT_EQ(answer(https), dns::without_records(queries_[https]));
  const auto mail = ask("www.example.com", 15);
  EXPECT_EQ(answer(mail), dns::without_records(queries_[mail])) << "at once: what is known is not asked for again";
  EXPECT_EQ(nameservers_.asked.size(), 2U);
}

TEST_P(EitherMode, SilenceIsWaitedForOnce) {
  settings_.patience = {.at_first = milliseconds(20), .when_silent = milliseconds(1)};
  make(GetParam());
  const auto first = ask("www.example.com");
  wait_for(first);
  EXPECT_TRUE(is_virtual(first, "www.example.com"));
  const auto again = ask("www.example.com");
  EXPECT_TRUE(is_virtual(again, "www.example.com")) << "at once";
  EXPECT_EQ(nameservers_.asked.size(), 1U);
}

TEST_P(EitherMode, AnswerThatComesTooLateCountsNextTime) {
  settings_.patience = {.at_first = milliseconds(1), .when_silent = milliseconds(1)};
  make(GetParam());
  const auto late = ask("inside.corp.example");
  wait_for(late);
  EXPECT_TRUE(is_virtual(late, "inside.corp.example"));
  say_address(0);
  const auto next = ask("inside.corp.example");
  say_address(1);
  EXPECT_EQ(answer(next), dns::with_address(queries_[next], *core::Address::parse("10.1.2.3"), 60));
}

TEST_P(EitherMode, SilentNameserversAreNotAskedWithoutEnd) {
  settings_.patience = {.at_first = milliseconds(1), .when_silent = milliseconds(1)};
  settings_.unheard = 3;
  make(GetParam());
  for (int i = 0; i < 10; ++i) wait_for(ask("n" + std::to_string(i) + ".example.com"));
  EXPECT_EQ(nameservers_.asked.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) say_code(i, Rcode::server_failure);
  wait_for(ask("one.more.example.com"));
  EXPECT_EQ(nameservers_.asked.size(), 4U);
}

TEST_P(EitherMode, AliasThatLeadsOutsideIsNoAnswer) {
  const auto question = ask("www.corp.example");
  say(0, dns_answer(nameservers_.asked[0].first, {{"www.corp.example", type_cname, 9, dns_name("x.example.net")}}));
  EXPECT_TRUE(is_virtual(question, "www.corp.example"));
}

TEST_P(EitherMode, NameWithoutAnIpv4AddressIsRealAllTheSame) {
  const auto question = ask("six.corp.example");
  const auto empty = with_soa(nameservers_.asked[0].first, "corp.example", 0);
  say(0, empty);
  EXPECT_EQ(answer(question), empty);
}

TEST_P(EitherMode, ReferralIsNoAnswer) {
  const auto question = ask("www.example.com");
  auto referral = dns_answer(nameservers_.asked[0].first, {{"", 2, 60, dns_name("a.root-servers.net")}});
  std::swap(referral[7], referral[9]);
  say(0, referral);
  EXPECT_TRUE(is_virtual(question, "www.example.com"));
}

TEST_P(EitherMode, LocalNamesAreForTheNameserversAlone) {
  for (const auto* name : {"printer", "printer.local", "x.invalid", "localhost", "a.localhost", "x.home.arpa",
                           "4.3.2.1.in-addr.arpa", "x.alt"}) {
    const auto question = ask(name);
    say_code(nameservers_.asked.size() - 1, Rcode::refused);
    EXPECT_EQ(dns::rcode_of(answer(question)), Rcode::refused) << name;
  }
  EXPECT_EQ(names_.size(), 0U);
}

TEST_P(EitherMode, OnionNamesAreNeverAskedFor) {
  const auto question = ask("example.onion");
  EXPECT_TRUE(is_virtual(question, "example.onion"));
  EXPECT_TRUE(nameservers_.asked.empty());
}

TEST_P(EitherMode, NamesThatDoNotGoToTheProxyAreForTheNameserversAlone) {
  NoProxy exceptions;
  exceptions.add("corp.example,other.example:22");
  settings_.exceptions = &exceptions;
  make(GetParam());
  const auto direct = ask("x.corp.example");
  say_code(0, Rcode::refused);
  EXPECT_EQ(dns::rcode_of(answer(direct)), Rcode::refused);
  const auto on_other_ports = ask("other.example");
  say_code(1, Rcode::refused);
  EXPECT_TRUE(is_virtual(on_other_ports, "other.example"));
}

TEST_P(EitherMode, AddressGivesItsNameBack) {
  wait_for(ask("example.onion"));
  const auto bytes = names_.assign("example.onion")->v4.v4_bytes();
  const auto reverse = std::to_string(bytes[3]) + "." + std::to_string(bytes[2]) + ".19.198.in-addr.arpa";
  const auto v4 = ask(reverse, 12);
  EXPECT_EQ(answer(v4), dns::with_name(queries_[v4], "example.onion", 30));
  const std::string digits = "0123456789abcdef";
  std::string nibbles;
  for (const auto byte : {bytes[3], bytes[2]}) nibbles += {digits[byte & 15U], '.', digits[byte >> 4U], '.'};
  const auto v6 = ask(nibbles + "0.0.0.0.0.0.0.0.0.0.0.0.f.e.a.2.f.8.9.8.b.d.e.7.b.0.d.f.ip6.arpa", 12);
  EXPECT_EQ(answer(v6), dns::with_name(queries_[v6], "example.onion", 30));
  EXPECT_EQ(dns::rcode_of(answer(ask(bytes[3] == 7 ? "8.7.19.198.in-addr.arpa" : "7.7.19.198.in-addr.arpa", 12))),
            Rcode::name_error);
  EXPECT_TRUE(nameservers_.asked.empty()) << "nobody else knows";
}

TEST_P(EitherMode, FullTableIsAFailureOfTheResolver) {
  VirtualNames::Limits limits;
  limits.names = 1;
  VirtualNames small({}, limits);
  resolver_.emplace(context_, nameservers_, small, settings_, log_);
  EXPECT_EQ(dns::rcode_of(answer(ask("one.onion"))), Rcode::no_error);
  EXPECT_EQ(dns::rcode_of(answer(ask("two.onion"))), Rcode::server_failure);
}

TEST_P(EitherMode, WhatIsNoOrdinaryQuestionPasses) {
  auto update = dns_query("www.example.com");
  update[2] = 0x28;
  std::optional<result<dns::Message>> got;
  resolver_->ask({}, update, [&](result<dns::Message> answer) { got = std::move(answer); });
  say_code(0, Rcode::refused);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(dns::rcode_of(**got), Rcode::refused);
}

TEST_F(VirtualResolverTest, AlwaysTakesNoSuchNameForNoAnswer) {
  make(true);
  const auto question = ask("www.example.com");
  say(0, with_soa(nameservers_.asked[0].first, "com", 3));
  EXPECT_TRUE(is_virtual(question, "www.example.com"));
}

TEST_F(VirtualResolverTest, NoSuchNameIsBelievedOfWhoSaysInWhichZone) {
  make(false);
  const auto question = ask("nosuch.corp.example");
  say(0, with_soa(nameservers_.asked[0].first, "corp.example", 3));
  EXPECT_EQ(dns::rcode_of(answer(question)), Rcode::name_error);
  EXPECT_EQ(nameservers_.asked.size(), 1U);
}

TEST_F(VirtualResolverTest, NoSuchNameIsBelievedOfWhoKnowsTheTopLevelDomain) {
  make(false);
  const auto v4 = ask("nosuch.example.com");
  const auto v6 = ask("nosuch.example.com", type_aaaa);
  say_code(0, Rcode::name_error);
  say_code(1, Rcode::name_error);
  ASSERT_EQ(nameservers_.asked.size(), 3U);
  EXPECT_EQ(subject(2), "com 2");
  say(2, dns_answer(nameservers_.asked[2].first, {{"com", 2, 60, dns_name("a.gtld-servers.net")}}));
  EXPECT_EQ(dns::rcode_of(answer(v4)), Rcode::name_error);
  EXPECT_EQ(dns::rcode_of(answer(v6)), Rcode::name_error);
  const auto next = ask("another.com");
  say_code(3, Rcode::name_error);
  EXPECT_EQ(dns::rcode_of(answer(next)), Rcode::name_error) << "remembered";
}

TEST_F(VirtualResolverTest, NoSuchNameIsNotBelievedOfWhoKnowsNothingOutside) {
  make(false);
  const auto first = ask("www.example.com");
  const auto second = ask("www.example.org");
  say_code(0, Rcode::name_error);
  say_code(1, Rcode::name_error);
  say_code(2, Rcode::name_error);  // com
  // A root of the network's own.
  say(3, with_soa(nameservers_.asked.at(3).first, "", 3));
  EXPECT_TRUE(is_virtual(first, "www.example.com"));
  EXPECT_TRUE(is_virtual(second, "www.example.org"));
  const auto next = ask("another.com");
  say_code(4, Rcode::name_error);
  EXPECT_TRUE(is_virtual(next, "another.com")) << "remembered";
}

TEST(AnswerPatience, SilenceIsWaitedForUntilItIsBroken) {
  AnswerPatience patience({.at_first = seconds(2), .when_silent = milliseconds(300), .silent_questions = 2});
  EXPECT_EQ(patience.next(), seconds(2));
  patience.on_silence();
  EXPECT_EQ(patience.next(), seconds(2)) << "one may be lost";
  patience.on_silence();
  EXPECT_EQ(patience.next(), milliseconds(300));
  patience.on_answer(milliseconds(2));
  EXPECT_EQ(patience.next(), milliseconds(300)) << "an inside name";
  patience.on_answer(seconds(3));
  EXPECT_EQ(patience.next(), milliseconds(300)) << "waiting longer would not have helped";
  patience.on_answer(seconds(1));
  EXPECT_EQ(patience.next(), seconds(2));
}

}  // namespace
}  // namespace tfunnel::test
