// Which TCP connections are older than the rules of `tfunnel up`, and would be captured by them.
#include <gtest/gtest.h>

#include "client/up/older_connections.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::client {
namespace {

using test::endpoint;
using test::has;

SystemTerms older_terms() {
  SystemTerms made;
  made.capture_port = 12399;
  return made;
}

SocketEntry established(core::Endpoint local, core::Endpoint peer) { return {local, peer, 1, 1000, 7}; }

OlderTerms older() {
  OlderTerms made;
  made.terms = older_terms();
  made.is_local = [](const core::Address& address) { return address == *core::Address::parse("198.51.100.1"); };
  made.is_selected = [](const SocketEntry&) { return true; };
  return made;
}

const auto here = endpoint("198.51.100.1", 40000);
const auto there = endpoint("203.0.113.10", 443);

std::size_t count(const std::vector<SocketEntry>& all, const OlderTerms& terms) {
  return older_connections(all, terms).size();
}

TEST(OlderConnectionsTest, OnlyWhatBeganHereAndIsNotCapturedIsEnded) {
  const std::vector<SocketEntry> one{established(here, there)};
  EXPECT_EQ(count(one, older()), 1U);
  EXPECT_EQ(count({one[0], established(there, here)}, older()), 0U) << "its other end is the client's";
  EXPECT_EQ(count({one[0], {endpoint("0.0.0.0", 40000), {}, SocketEntry::listening, 0, 9}}, older()), 0U) << "asked";
  EXPECT_EQ(count({established(endpoint("198.51.100.1", 22), there)}, older()), 0U) << "asked by somebody, once";
  EXPECT_EQ(count({established(here, endpoint("198.51.100.1", 80))}, older()), 0U) << "a program on this machine";
  EXPECT_EQ(count({{here, there, SocketEntry::time_wait, 0, 0}, {here, there, SocketEntry::syn_sent, 0, 7}}, older()),
            0U);
}

TEST(OlderConnectionsTest, WhatTheRulesWouldLetGoIsSpared) {
  const std::vector<SocketEntry> one{established(here, there)};
  auto link = older();
  link.link = {7};
  EXPECT_EQ(count(one, link), 0U);
  link = older();
  link.terms.link = {{true, {there.address, 0}}};
  EXPECT_EQ(count(one, link), 0U);
  auto excluded = older();
  excluded.terms.excluded = {{core::Network::of(there.address, 24), 443, 443}};
  EXPECT_EQ(count(one, excluded), 0U);
  excluded.terms.excluded[0].last = 442;
  EXPECT_EQ(count(one, excluded), 1U);
  auto included = older();
  included.terms.included = {{core::Network::of(*core::Address::parse("192.0.2.0"), 24), 0, 0}};
  EXPECT_EQ(count(one, included), 0U);
  auto own = older();
  own.terms.own_networks.v4 = {core::Network::of(there.address, 24)};
  EXPECT_EQ(count(one, own), 0U);
  own.terms.lan_denied = true;
  EXPECT_EQ(count(one, own), 1U);
  auto selected = older();
  selected.is_selected = [](const SocketEntry& socket) { return socket.user != 1000; };
  EXPECT_EQ(count(one, selected), 0U);
}

TEST(OlderConnectionsTest, WhatTheKernelCannotEndIsRefusedBySets) {
  auto given = older_terms();
  given.refused = {{here, there}};
  EXPECT_TRUE(has(system_rules(given), "elements = { 198.51.100.1 . 40000 . 203.0.113.10 . 443 } }"));
  EXPECT_EQ(replace_refused(given.refused),
            "flush set inet tfunnel_up refused4\n"
            "add element inet tfunnel_up refused4 { 198.51.100.1 . 40000 . 203.0.113.10 . 443 }\n"
            "flush set inet tfunnel_up refused6\n");
}

}  // namespace
}  // namespace tfunnel::client
