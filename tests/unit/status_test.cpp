// `tfunnel status`: what a client tells of itself, and what becomes of that when it is shown.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <regex>
#include <set>

#include "client/capture/summary.hpp"
#include "client/rules/system_rules.hpp"
#include "client/status/snapshot.hpp"
#include "client/status/status_text.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::client {
namespace {

using test::has;

namespace json = boost::json;
using namespace std::chrono_literals;

const core::Time now = core::Time() + 1h;
// 2026-11-29T12:00:00Z.
const std::chrono::system_clock::time_point wall{1795953600s};

Snapshot snapshot() {
  Snapshot made;
  made.command = "up";
  made.process = 4321;
  made.begun = now - 90s;
  made.new_connections = "go through the tunnel";
  json::object table{{"up", true},
                     {"flows", json::array{json::object{{"flow", 7},
                                                        {"transport", "tcp"},
                                                        {"source", "192.0.2.1:40000"},
                                                        {"destination", "203.0.113.1:443"},
                                                        {"sent", 10},
                                                        {"received", 20},
                                                        {"end_sent", true}}}},
                     {"flows_now", 3},
                     {"flows_opened", 41},
                     {"pacing", json::object{{"bytes_per_second", 12'500'000}, {"round_trip_ms", 20.25}}},
                     {"sent", 1500},
                     {"received", 2'000'000},
                     {"datagrams_dropped", 5}};
  made.links = {{true, now - 60s, "tfunnel 1.0.0", 2, "link lost: somebody pulled the plug", table},
                {false, now - 3s, "", 0, "", {}}};
  made.rules = RulesFacts{true,
                          "on",
                          "all goes in",
                          {{"into4", "IPv4 into the tunnel", false, 100, 6000},
                           {"refused_dot", "questions over TLS", true, 4, 240},
                           {"stray", "past it", true, 0, 0}}};
  made.dropped = {{"connections", "connection refused", 9}};
  return made;
}

json::object object() { return status_object(snapshot(), {now, wall}); }

TEST(StatusObject, TimesAreTheWallsAndSoManySeconds) {
  const auto made = object();
  EXPECT_EQ(made.at("since").as_string(), "2026-11-29T11:58:30.000Z");
  EXPECT_EQ(made.at("seconds").to_number<double>(), 90);
  EXPECT_EQ(made.at("links").as_array()[0].at("since").as_string(), "2026-11-29T11:59:00.000Z");
}

TEST(StatusObject, ALinkHasItsTableAndItsPast) {
  const auto made = object();
  const auto& links = made.at("links").as_array();
  EXPECT_EQ(links[0].at("link").to_number<int>(), 1);
  EXPECT_EQ(links[0].at("restarts").to_number<int>(), 2);
  EXPECT_EQ(links[0].at("trouble").as_string(), "link lost: somebody pulled the plug");
  EXPECT_EQ(links[0].at("flows").as_array().size(), 1U);
  EXPECT_TRUE(links[0].at("up").as_bool());
  EXPECT_FALSE(links[1].at("up").as_bool());
  EXPECT_FALSE(links[1].as_object().contains("far_end"));
}

TEST(StatusObject, WhatWasDroppedIsToldOncePerReasonAndOnlyIfThereWasAny) {
  const auto made = object();
  std::set<std::string> told;
  for (const auto& one : made.at("dropped").as_array()) {
    told.insert(std::to_string(one.at("count").to_number<int>()) + " " + std::string(one.at("what").as_string()));
  }
  EXPECT_EQ(told, (std::set<std::string>{"9 connections", "5 datagrams", "4 packets"}));
}

TEST(StatusObject, RulesOfSomebodyElseAreNotMentioned) {
  auto given = snapshot();
  given.rules.reset();
  const auto made = status_object(given, {now, wall});
  EXPECT_FALSE(made.contains("rules"));
  EXPECT_FALSE(has(status_text(made), "rules"));
}

TEST(StatusText, SaysAllThatTheObjectSays) {
  const auto text = status_text(object());
  for (const auto* part :
       {"tfunnel up: process 4321", "runs for 1 min 30 s (since 2026-11-29T11:58:30.000Z)", "link 1: up for 1 min 0 s",
        "restarts: 2", "last trouble: link lost: somebody pulled the plug", "round trip 20.2 ms, at most 12.5 MB/s",
        "sent 1.5 kB, received 2.0 MB", "link 2: down for 3.0 s", "kill switch on; all goes in", "100 packets, 6.0 kB",
        "into4: IPv4 into the tunnel", "9 connections: connection refused", "4 packets: questions over TLS",
        "flow 7  tcp 192.0.2.1:40000 -> 203.0.113.1:443  sent 10  received 20", "[we ended]",
        "and 2 that have carried less"}) {
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  }
}

TEST(StatusText, WhatWasNotMeasuredIsNotZero) {
  const auto text = status_text(json::parse(R"({"links":[{"up":true,"pacing":{"bytes_per_second":0}}]})").as_object());
  EXPECT_TRUE(has(text, "round trip not measured yet, rate not measured yet")) << text;
}

TEST(StatusText, WhateverItIsToldATerminalCanTakeIt) {
  const auto hostile = json::parse(
      R"({"command":"up\u001b[2J\n","process":"x","software":7,"links":[3,{"link":{},"trouble":"a\r\u009b\nb",
          "pacing":[],"flows":[{"state":"\u0007"},null],"flows_now":-5}],"rules":[],"dropped":{"what":1},
          "since":null,"seconds":1e308,"user":1e300})");
  const auto text = status_text(hostile.as_object());
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }))
      << text;
  EXPECT_TRUE(has(text, "tfunnel up"));
  EXPECT_FALSE(status_text({}).empty());
}

TEST(SummaryTotals, RefusalsAreCountedAlsoWithoutDestinations) {
  const core::Endpoint to{core::Address::v4({192, 0, 2, 1}), 80};
  Summary summary(false);
  summary.refused(to, core::Reason::network_unreachable);
  summary.refused(to, core::Reason::network_unreachable, Summary::Link::down);
  summary.datagram_refused(to, core::Reason::refused);
  summary.datagram_sent(to, 100);
  std::set<std::string> told;
  for (const auto& [what, why, count] : summary.dropped()) told.insert(what + ": " + why + std::to_string(count));
  EXPECT_EQ(told, (std::set<std::string>{"connections: network unreachable1", "connections: the link is down1",
                                         "datagrams: connection refused1"}));
  EXPECT_EQ(summary.text(true), "");
}

std::set<std::string> found_in(const std::string& text, const std::string& pattern) {
  std::set<std::string> names;
  const std::regex expression(pattern);
  for (auto at = std::sregex_iterator(text.begin(), text.end(), expression); at != std::sregex_iterator(); ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

// One that no rule counts by would stay at 0 for ever, whatever is refused; one that is not there spoils the rules.
TEST(RuleCounters, EachIsThereAndEachIsUsed) {
  SystemTerms everything;
  everything.lan_denied = true;
  everything.link_group = ControlGroup{"tfunnel-up", 1};
  everything.dns.v4 = core::Address::parse("192.0.2.53");
  const auto rules = system_rules(everything);
  EXPECT_EQ(found_in(rules, "counter (\\w+) \\{"), found_in(rules, "\n    [^#\n]*counter name (\\w+) "));
  const auto guard = guard_rules(everything.marks);
  EXPECT_EQ(found_in(guard, "counter (\\w+) \\{"), found_in(guard, "counter name (\\w+) "));
}

}  // namespace
}  // namespace tfunnel::client
