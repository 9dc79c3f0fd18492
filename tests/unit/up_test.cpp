// `tfunnel up`: the order of its steps, its rules and its routing as text, and what it hears.
#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "client/rules/netlink_request.hpp"
#include "client/rules/system_routing.hpp"
#include "client/up/link_peers.hpp"
#include "client/up/rules_events.hpp"
#include "client/up/system_capture.hpp"
#include "client/up/traps.hpp"
#include "client/up/up_steps.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::client {
namespace {

using test::endpoint;
using test::has;

using enum UpStep;
using Steps = UpSteps::List;

TEST(UpStepsTest, RoutingIsThereBeforeTheRulesAndGoesAfterThem) {
  UpSteps steps(KillSwitch::on, false);
  EXPECT_EQ(steps.link_is_up(), (Steps{add_routing, add_rules, add_guard}));
  EXPECT_EQ(steps.link_is_up(), Steps{});
  EXPECT_EQ(steps.clean_end(), (Steps{remove_guard, remove_rules, remove_routing}));
  EXPECT_EQ(steps.clean_end(), Steps{});
}

TEST(UpStepsTest, OnlyWithoutAKillSwitchALostLinkOpensTheWay) {
  UpSteps on(KillSwitch::on, false);
  UpSteps off(KillSwitch::off, false);
  on.link_is_up();
  EXPECT_EQ(off.link_is_up(), (Steps{add_routing, add_rules}));
  EXPECT_EQ(on.link_is_down(), Steps{});
  EXPECT_TRUE(on.rules_stand());
  EXPECT_EQ(off.link_is_down(), Steps{remove_rules});
  EXPECT_FALSE(off.rules_stand());
  EXPECT_EQ(off.link_is_up(), Steps{add_rules});
}

TEST(UpStepsTest, APersistentOneStaysClosedAfterACleanEnd) {
  UpSteps steps(KillSwitch::persist, false);
  steps.link_is_up();
  EXPECT_EQ(steps.clean_end(), Steps{});
  EXPECT_TRUE(steps.rules_stand());
}

TEST(UpStepsTest, AFailureOpensNothingThatWasClosedBefore) {
  UpSteps fresh(KillSwitch::on, false);
  UpSteps after_a_crash(KillSwitch::on, true);
  fresh.link_is_up();
  after_a_crash.link_is_up();
  EXPECT_EQ(fresh.failed(), (Steps{remove_guard, remove_rules, remove_routing}));
  EXPECT_EQ(after_a_crash.failed(), Steps{});
}

TEST(UpStepsTest, NothingOpensForTheOneThatTakesOver) {
  UpSteps steps(KillSwitch::off, false);
  steps.link_is_up();
  steps.stay_closed();
  EXPECT_EQ(steps.link_is_down(), Steps{});
  EXPECT_EQ(steps.clean_end(), Steps{});
}

TEST(UpStepsTest, WithoutALinkThereIsNothingToUndo) {
  UpSteps steps(KillSwitch::on, true);
  EXPECT_EQ(steps.link_is_down(), Steps{});
  EXPECT_EQ(steps.clean_end(), Steps{});
}

SystemTerms terms() {
  SystemTerms made;
  made.marks = {0x100, 0x200, 0x400};
  made.capture_port = 12399;
  made.direct.v4 = {core::Network::of(*core::Address::parse("192.0.2.0"), 24)};
  return made;
}

TEST(SystemRulesTest, MarksAreBitsAmongThoseOfOthers) {
  const auto text = system_rules(terms());
  EXPECT_TRUE(has(text, "meta mark set meta mark or 0x200"));
  EXPECT_TRUE(has(text, "meta mark & 0x200 == 0x200 counter name stray drop"));
  EXPECT_TRUE(has(text, "ct mark set ct mark & 0xfffff8ff | 0x200"));
  EXPECT_FALSE(has(text, "meta mark 0x"));
}

TEST(SystemRulesTest, NoWordIsLeftWithoutItsMeaning) {
  for (const bool owned : {false, true}) {
    auto given = terms();
    given.owned = owned;
    const auto text = system_rules(given) + guard_rules(given.marks);
    for (const auto* word :
         {"OWN",      "CAPTURED", "PASSED",   "FLOW",      "SENT",    "ASKED",   "PORT",       "TABLE",
          "FLAGS",    "DIRECT4",  "ROUTED6",  "ALL_BITS",  "GUARDED", "FORWARD", "ALONE",      "NO_OTHERS",
          "REDIRECT", "LAN",      "INCLUDED", "QUESTIONS", "LINK4",   "OWN4",    "NAMESERVERS"}) {
      EXPECT_FALSE(has(text, word)) << word;
    }
    EXPECT_EQ(has(system_rules(given), "flags owner"), owned);
  }
}

TEST(SystemRulesTest, NetworksStandInTheirSets) {
  EXPECT_TRUE(
      has(system_rules(terms()), "set direct4 { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }"));
  EXPECT_TRUE(has(replace_networks(terms().direct, {}),
                  "flush set inet tfunnel_up direct4\nadd element inet tfunnel_up "
                  "direct4 { 192.0.2.0/24 }\nflush set inet tfunnel_up direct6"));
}

TEST(SystemRulesTest, ThePeerOfTheLinkIsOnePortAndNotItsHost) {
  auto given = terms();
  given.link = {{true, endpoint("203.0.113.10", 22)}, {true, endpoint("2001:db8::1", 0)}};
  const auto text = system_rules(given);
  EXPECT_TRUE(
      has(text, "set link4 { type inet_proto . ipv4_addr . inet_service; elements = { tcp . 203.0.113.10 . 22 } }"));
  EXPECT_TRUE(has(text, "set hosts6 { type ipv6_addr; elements = { 2001:db8::1 } }"));
  EXPECT_FALSE(has(text, "direct4 { type ipv4_addr; flags interval; elements = { 203.0.113.10"));
  EXPECT_EQ(add_link(given.link),
            "add element inet tfunnel_up link4 { tcp . 203.0.113.10 . 22 }\n"
            "add element inet tfunnel_up hosts6 { 2001:db8::1 }\n");
}

TEST(SystemRulesTest, TheLinksProcessesGoOutBeforeAllElseIsAsked) {
  auto given = terms();
  EXPECT_FALSE(has(system_rules(given), "cgroupv2"));
  given.link_group = ControlGroup{"unified/tfunnel-up", 1};
  const auto text = system_rules(given);
  const auto line = text.find(
      "    socket cgroupv2 level 1 \"unified/tfunnel-up\" meta l4proto { tcp, udp } counter name link goto let_go\n");
  ASSERT_NE(line, std::string::npos);
  EXPECT_LT(line, text.find("    jump choose\n"));
}

TEST(SystemRulesTest, QuestionsAreTakenBeforeExclusionsAreLookedAt) {
  auto given = terms();
  given.excluded = {{core::Network::of(*core::Address::parse("198.51.100.0"), 24), 5000, 5000}};
  EXPECT_FALSE(has(system_rules(given), "dnat")) << "keep";
  given.dns.v4 = core::Address::parse("198.18.0.53");
  const auto text = system_rules(given);
  EXPECT_TRUE(has(text, "meta nfproto ipv4 dnat ip to 198.18.0.53\n"));
  EXPECT_TRUE(has(text, "    meta nfproto ipv6 th dport 53 counter name refused_questions goto refuse"))
      << "there is nobody to ask over IPv6";
  const auto question = text.find("     th dport 53 goto take");
  EXPECT_LT(question, text.find("ip daddr 198.51.100.0/24 th dport 5000 return"));
}

TEST(SystemRulesTest, WithWhatIsIncludedNothingElseIsTaken) {
  auto given = terms();
  given.included = {{core::Network::of(*core::Address::parse("198.51.100.0"), 24), 80, 90}};
  const auto text = system_rules(given);
  EXPECT_TRUE(has(text, "ip daddr 198.51.100.0/24 th dport 80-90 goto take\n"));
  EXPECT_FALSE(has(text, "    goto take\n"));
}

TEST(SystemRulesTest, OwnNetworksAreRefusedIfTheyAreDenied) {
  auto given = terms();
  EXPECT_TRUE(has(system_rules(given), "ip daddr @own4 return"));
  given.lan_denied = true;
  EXPECT_TRUE(has(system_rules(given), "ip daddr @own4 counter name refused_lan goto refuse"));
  EXPECT_TRUE(has(system_rules(given), "multicast } counter name refused_lan goto refuse"));
}

TEST(WhatIsCapturedTest, NobodyIsToldOfAllIfItIsAPart) {
  SystemTerms given;
  EXPECT_EQ(what_is_captured(given), "all TCP and UDP of this machine goes through the tunnel");
  given.direct.v6 = {core::Network::of(*core::Address::parse("::"), 0)};
  EXPECT_TRUE(has(what_is_captured(given), ", but for what is excluded"));
  given.direct.v6.clear();
  given.excluded = {{core::Network::of(*core::Address::parse("198.51.100.0"), 24), 80, 80}};
  EXPECT_TRUE(has(what_is_captured(given), ", but for what is excluded"));
  given.selection.interfaces = {"wan0"};
  EXPECT_TRUE(has(what_is_captured(given), "TCP and UDP of what is selected on this machine goes"));
  given.included = given.excluded;
  EXPECT_FALSE(has(what_is_captured(given), "all ")) << what_is_captured(given);
  EXPECT_TRUE(has(what_is_captured(given), "what is included"));
}

TEST(TrapsTest, ABitThatSomebodyElseUsesIsNoneOfOurs) {
  RoutingFacts facts;
  facts.marked = {{true, 5210, 0x80000, 0xff0000, 0}, {true, 9000, 0xca6c, ~0U, 0}};
  EXPECT_FALSE(clash_of_marks(facts, {0x100, 0x1, 0x2}));
  const auto clash = clash_of_marks(facts, {});
  ASSERT_TRUE(clash);
  EXPECT_TRUE(has(*clash, "rule 9000 is about mark 0xca6c/0xffffffff, which has our bit 0x48:")) << *clash;
}

RoutingFacts facts() {
  RoutingFacts made;
  made.preferences = {0, 10, 12, 32766, 32767};
  made.tables = {254, 255, 12300};
  made.cards = {{1, "lo", true}, {2, "wan0", true}, {3, "lan0", false}};
  return made;
}

TEST(SystemRoutingTest, PlacesOfOthersAreLeftAlone) {
  const auto place = choose_place(facts());
  EXPECT_EQ(place.preference, 13U);  // and 14
  EXPECT_EQ(place.table, 12301U);
}

TEST(SystemRoutingTest, WhatAKilledOneLeftStaysInUse) {
  auto after = facts();
  after.ours.rules = {{true, 20, 0x80, 0x80, 500}};
  const auto place = choose_place(after);
  EXPECT_EQ(place.preference, 20U);
  EXPECT_EQ(place.table, 500U);
}

TEST(SystemRoutingTest, ACardThatIsDownHasNoRouteAndWhatIsMissingIsFound) {
  const auto plan = planned_routing(facts(), {13, 12301}, 0x80);
  EXPECT_EQ(plan.rules.size(), 4U);
  EXPECT_EQ(plan.routes.size(), 4U);
  auto present = plan;
  present.rules.erase(present.rules.begin());
  const auto missing = without(plan, present);
  ASSERT_EQ(missing.rules.size(), 1U);
  EXPECT_TRUE(missing.routes.empty());
  EXPECT_EQ(ip_lines(missing, facts().cards), "ip -4 rule add priority 13 fwmark 128/128 lookup 12301 protocol 116\n");
}

std::vector<std::byte> event(std::uint8_t type, std::uint16_t attribute, const std::string& bytes) {
  NetlinkRequest request("", static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), 0);
  request.body<nfgenmsg>();
  request.add(attribute, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  const auto* begin = reinterpret_cast<const std::byte*>(&request.header());
  return {begin, begin + request.header().nlmsg_len};
}

std::vector<std::byte> generation(char number) { return event(NFT_MSG_NEWGEN, NFTA_GEN_ID, {0, 0, 0, number}); }
std::vector<std::byte> deleted(const std::string& table) {
  return event(NFT_MSG_DELTABLE, NFTA_TABLE_NAME, table + std::string(1, '\0'));
}

TEST(RulesEventsTest, OnlyOthersChangesOfTheTableCount) {
  RulesEvents events("tfunnel_up");
  events.ignore_until(7);
  EXPECT_FALSE(events.changed(deleted("tfunnel_up")));
  EXPECT_FALSE(events.changed(generation(7))) << "our own";
  EXPECT_FALSE(events.changed(deleted("filter")));
  EXPECT_FALSE(events.changed(generation(8))) << "another table";
  EXPECT_FALSE(events.changed(deleted("tfunnel_up")));
  EXPECT_TRUE(events.changed(generation(9)));
  EXPECT_FALSE(events.changed(generation(10)));
}

TEST(LinkPeersTest, TheOtherEndsOfTheSocketsAreFound) {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n"
      "   1: 826433C6:9C40 0A7100CB:0016 01 00000000:00000000 00:00000000 00000000     0        0 12 1\n"
      "   2: 826433C6:9C41 0B7100CB:0016 01 00000000:00000000 00:00000000 00000000     0        0 13 1\n"
      "   3: 0100007F:9C41 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 14 1\n"
      "cut short\n";
  EXPECT_EQ(peers_in(sockets_in(table), true, {11, 12, 14}),
            (std::set<LinkPeer>{{true, endpoint("203.0.113.10", 22)}}));
}

}  // namespace
}  // namespace tfunnel::client
