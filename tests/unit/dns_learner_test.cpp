// DNS over TCP passes unchanged, and its answers are learnt from in whatever pieces they come.
#include "proxy/names/dns_learner.hpp"

#include <gtest/gtest.h>

#include "proxy/dns/dns_framing.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using proxy::Way;

class Passed final : public proxy::InterceptedFlow {
 public:
  void send(Way way, core::ByteView bytes) override { append(way == Way::to_application ? down : up, bytes); }
  void finish(Way) override { ++ends; }
  void reset() override { ADD_FAILURE() << "the learner ends nothing"; }

  Bytes up, down;
  int ends = 0;
};

const auto address = *core::Address::parse("192.0.2.7");

Bytes answer_about(const std::string& name) {
  const auto wire = address.wire();
  return dns_answer(dns_query(name), {{.owner = name, .type = type_a, .content = bytes_of(wire)}});
}

std::optional<std::string> learnt(const Bytes& stream, std::size_t piece, Way way = Way::to_application) {
  proxy::NameTable table;
  proxy::DnsLearner learner(table);
  const auto interceptor = learner.intercept({.source = {}, .destination = endpoint("198.51.100.1", 53), .name = {}});
  Passed passed;
  for (std::size_t at = 0; at < stream.size(); at += piece)
    interceptor->on_bytes(passed, way, core::ByteView(stream).subspan(at).first(std::min(piece, stream.size() - at)));
  interceptor->on_end(passed, way);
  EXPECT_EQ(way == Way::to_application ? passed.down : passed.up, stream);
  EXPECT_EQ(passed.ends, 1);
  const auto known = table.find(address, std::chrono::steady_clock::now());
  return known ? std::optional(known->name) : std::nullopt;
}

TEST(DnsLearner, AnswersAreLearntInAnyPiecesAndPassUnchanged) {
  const auto stream = proxy::dns::framed(pattern(100)) + proxy::dns::framed(answer_about("a.example"));
  for (const std::size_t piece : {1U, 2U, 50U, 100'000U}) EXPECT_EQ(learnt(stream, piece), "a.example") << piece;
}

TEST(DnsLearner, WhatTheApplicationSaysIsNotBelieved) {
  EXPECT_EQ(learnt(proxy::dns::framed(answer_about("a.example")), 100, Way::to_destination), std::nullopt);
}

TEST(DnsLearner, WhatIsNoDnsPassesToo) {
  EXPECT_EQ(learnt(Bytes(10'000, 0) + proxy::dns::framed(answer_about("a.example")), 1000), std::nullopt);
}

TEST(DnsLearner, OtherPortsKeepTheFastPath) {
  proxy::NameTable table;
  proxy::DnsLearner learner(table);
  EXPECT_EQ(learner.intercept({.source = {}, .destination = endpoint("198.51.100.1", 853), .name = {}}), nullptr);
}

}  // namespace
}  // namespace tfunnel::test
