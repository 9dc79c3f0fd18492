// `tfunnel doctor`: what it makes of facts, and of others' rules.
#include <gtest/gtest.h>

#include <algorithm>

#include "client/doctor/checks.hpp"
#include "client/doctor/listeners.hpp"
#include "client/doctor/measured_link.hpp"
#include "client/doctor/obstacles.hpp"
#include "client/doctor/probes.hpp"
#include "client/doctor/report.hpp"
#include "client/doctor/shell_words.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::client {
namespace {

using test::endpoint;
using test::has;

using enum Verdict;
using namespace std::chrono_literals;

/// A machine on which all is well, and nothing runs.
DoctorFacts machine() {
  DoctorFacts facts;
  facts.own = {"/usr/local/bin/tfunnel", true, true, true, false, 20000, {}, {}};
  facts.features.is_known = true;
  facts.routing.cards = {{1, "lo", true}, {2, "wan0", true}};
  facts.routing.own_networks.v4 = {core::Network::of(*core::Address::parse("192.0.2.0"), 24)};
  facts.rules = Ruleset();
  const Way out{true, false, "wan0"};
  const Way here{true, true, "lo"};
  facts.ways = {{out, here}, {out, here}};
  facts.settings.cards_with_ipv6 = {"wan0"};
  facts.names.nameservers = {endpoint("192.0.2.53", 53)};
  return facts;
}

/// `meta mark & BIT == BIT`, and what follows.
std::string about_mark(int bit, const std::string& rest) {
  const auto text = std::to_string(bit);
  return R"({"match":{"op":"==","left":{"&":[{"meta":{"key":"mark"}},)" + text + R"(]},"right":)" + text + "}}," + rest;
}

std::string chain(const std::string& name, const std::string& hook = "", int priority = 0,
                  const std::string& policy = "accept", const std::string& table = "tfunnel_up") {
  auto text = R"({"chain":{"family":"inet","table":")" + table + R"(","name":")" + name + R"(")";
  if (!hook.empty()) {
    text += R"(,"type":"filter","hook":")" + hook + R"(","prio":)" + std::to_string(priority) + R"(,"policy":")" +
            policy + R"(")";
  }
  return text + "}},";
}

std::string rule(const std::string& chain_name, const std::string& parts, int handle = 1,
                 const std::string& table = "tfunnel_up") {
  return R"({"rule":{"family":"inet","table":")" + table + R"(","chain":")" + chain_name + R"(","handle":)" +
         std::to_string(handle) + R"(,"expr":[)" + parts + "]}},";
}

/// Ours, as far as it is read, and whole; then `others`.
Ruleset ruleset(const std::string& others = "") {
  std::string text = R"({"nftables":[)";
  for (const auto* name : {"choose", "choose_errors", "choose_forwarded", "choose_new", "choose_new_udp",
                           "choose_older", "choose_sender", "choose_sent", "deliver", "let_go", "refuse",
                           "refuse_other", "refuse_others", "refuse_unrouted", "remember", "take"}) {
    text += chain(name);
    text += rule(name, R"({"return":null})");
  }
  for (const auto* name : {"output", "prerouting", "postrouting", "input", "forward"}) {
    text += chain(name, name, -150);
    text += rule(name, R"({"counter":null})");
  }
  text += rule("take", R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":{"|":[{"meta":{"key":"mark"}},512]}}})");
  text += rule("output", about_mark(256, R"({"return":null})"));
  text += rule("output", about_mark(1024, R"({"goto":{"target":"let_go"}})"));
  const std::pair<const char*, const char*> jumps[] = {
      {"choose", "choose_new"},      {"choose", "choose_new_udp"},
      {"choose", "choose_older"},    {"choose", "take"},
      {"choose_new", "take"},        {"choose_new_udp", "choose_new"},
      {"choose_sent", "choose"},     {"choose_sent", "choose_sender"},
      {"choose_sender", "choose"},   {"choose_forwarded", "choose"},
      {"input", "remember"},         {"output", "choose_errors"},
      {"output", "refuse_unrouted"}, {"output", "choose_sent"},
      {"prerouting", "deliver"},     {"refuse_others", "refuse_other"}};
  for (const auto& [from, to] : jumps) text += rule(from, R"({"jump":{"target":")" + std::string(to) + "\"}}");
  text += rule("postrouting", R"({"drop":null})") + rule("postrouting", about_mark(512, R"({"drop":null})"));
  text += rule("deliver", R"({"tproxy":{"family":"ip","port":12388}},{"accept":null})");
  text += rule("deliver", R"({"tproxy":{"family":"ip6","port":12388}},{"accept":null})");
  text += others + R"({"metainfo":{}}]})";
  const auto parsed = parse_ruleset(text);
  EXPECT_TRUE(parsed);
  return parsed.value_or(Ruleset());
}

/// The same with a `tfunnel up` that captures.
DoctorFacts capturing(const std::string& others = "") {
  auto facts = machine();
  facts.instance = InstanceFacts{{100, false}, {{101, false}}, 20000};
  facts.rules = ruleset(others);
  facts.routing.ours = planned_routing(facts.routing, choose_place(facts.routing), 512);
  facts.listeners = {{true, endpoint("::", 12388)}, {false, endpoint("::", 12388)}};
  return facts;
}

Findings faults(const DoctorFacts& facts, const std::optional<core::Endpoint>& server = std::nullopt) {
  auto all = check_all(situation_of(facts), server);
  std::erase_if(all, [](const auto& one) { return one.verdict < warning; });
  return all;
}

TEST(DoctorTest, NothingIsWrongWithAMachineOnWhichAllIsWell) {
  EXPECT_EQ(as_text(faults(machine()), false), "");
  EXPECT_EQ(as_text(faults(capturing()), false), "");
}

TEST(DoctorTest, TheTableTellsItsMarksAndPort) {
  const auto table = read_own_table(ruleset());
  ASSERT_TRUE(table);
  EXPECT_EQ(table->marks.own, 256U);
  EXPECT_EQ(table->marks.captured, 512U);
  EXPECT_EQ(table->marks.passed, 1024U);
  EXPECT_EQ(table->port, 12388);
  EXPECT_FALSE(read_own_table(Ruleset()));
}

TEST(DoctorTest, ATableThatLacksARuleIsNotWhole) {
  for (const auto& [name, what] : std::vector<std::pair<std::string, std::string>>{
           {"output", "chain output does not lead to choose_sent"},
           {"prerouting", "chain prerouting does not lead to deliver"},
           {"postrouting", "chain postrouting lets through what it should drop"},
           {"deliver", "chain deliver does not hand over all"}}) {
    auto rules = ruleset();
    std::ranges::find(rules.chains, name, &NftChain::name)->rules.pop_back();
    const auto table = read_own_table(rules);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->faults, std::vector<std::string>{what});
  }
}

TEST(DoctorTest, ATableThatLacksWhatAllHaveIsNotWhole) {
  auto rules = ruleset();
  std::erase_if(rules.chains, [](const auto& one) { return one.name == "deliver"; });
  std::ranges::find(rules.chains, "postrouting", &NftChain::name)->rules.clear();
  const auto table = read_own_table(rules);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->faults, (std::vector<std::string>{"chain deliver is gone", "chain postrouting is empty"}));
}

/// Facts with one fault, and what is said of it.
struct Case {
  const char* name;
  std::function<void(DoctorFacts& facts)> injure;
  const char* what;
  const char* mend;
  bool runs = true;
  Verdict verdict = wrong;
};

const Case cases[] = {
    {"no rights", [](auto& facts) { facts.own.is_root = facts.own.may_change_rules = false; }, "no CAP_NET_ADMIN",
     "setcap cap_net_admin,cap_net_raw,cap_net_bind_service=ep /usr/local/bin/tfunnel", false},
    {"no rights in a container", [](auto& facts) { facts.own.may_send_raw = false; }, "no CAP_NET_RAW",
     "docker run --cap-add NET_ADMIN --cap-add NET_RAW IMAGE", false},
    {"a module",
     [](auto& facts) {
       facts.features.missing = {{"nft_tproxy for IPv4", "nft_tproxy"}, {"nft_fib_inet", "nft_fib_inet"}};
     },
     "lacks nft_tproxy for IPv4, nft_fib_inet", "modprobe -a nft_tproxy nft_fib_inet", false},
    {"all rules refused", [](auto& facts) { facts.features.refusal = "Operation not supported"; },
     "refuses the rules: Operation not supported", "", false},
    {"no owned tables", [](auto& facts) { facts.features.has_owned_tables = false; }, "belong to nobody", "", true,
     warning},
    {"stopped", [](auto& facts) { facts.instance->process.is_stopped = true; }, "is stopped", "kill -CONT 100"},
    {"link stopped", [](auto& facts) { facts.instance->children[0].is_stopped = true; }, "part of the link",
     "kill -CONT 101"},
    {"killed", [](auto& facts) { facts.instance.reset(); }, "the rules of one that was killed", "tfunnel down"},
    {"killed without a kill switch",
     [](auto& facts) {
       facts.instance.reset();
       facts.rules = Ruleset();
     },
     "the routing of one that was killed", "tfunnel down"},
    {"no link yet",
     [](auto& facts) {
       facts.rules = Ruleset();
       facts.routing.ours = {};
     },
     "no link yet", "tfunnel down"},
    {"open", [](auto& facts) { facts.rules = Ruleset(); }, "its rules are gone",
     "tfunnel up --replace --kill-switch on --via COMMAND"},
    {"the port is taken",
     [](auto& facts) {
       facts.listeners = {{true, endpoint("192.0.2.1", 12399)}};
     },
     "listens on port 12399", "tfunnel up --capture-port 12398 --via COMMAND", false},
    {"no listener",
     [](auto& facts) {
       facts.listeners.erase({false, endpoint("::", 12388)});
     },
     "nobody listens on UDP port 12388", "tfunnel up --replace --via COMMAND"},
    {"an empty chain",
     [](auto& facts) { std::ranges::find(facts.rules->chains, "take", &NftChain::name)->rules.clear(); },
     "chain take is empty", "tfunnel up --replace --via COMMAND"},
    {"a rule", [](auto& facts) { facts.routing.ours.rules.erase(facts.routing.ours.rules.begin()); },
     "routing rule of ours is gone: IPv4", "ip -4 rule add priority 10 fwmark 512/512 lookup 12300 protocol 116"},
    {"a route", [](auto& facts) { facts.routing.ours.routes.pop_back(); }, "route of ours is gone: IPv6",
     "ip -6 route add local default dev wan0 table 12300 metric 2050 protocol 116"},
    {"loopback down", [](auto& facts) { facts.routing.cards[0].is_up = false; }, "loopback device is down",
     "ip link set lo up"},
    {"an earlier rule",
     [](auto& facts) {
       facts.routing.unmarked = {{false, 5, 0, 0, 254}};
       facts.ways.v6.marked.is_local = false;
     },
     "captured IPv6 goes elsewhere: somebody else's rule 5", "ip -6 rule del priority 5"},
    {"marks",
     [](auto& facts) {
       facts.routing.marked = {{true, 9000, 0xca6c, ~0U, 51820}};
       facts.routing.ours.rules[0].mark = 512;
       facts.routing.marked[0].mark |= 512;
     },
     "rule 9000", "tfunnel up --replace --own-mark 0x1 --capture-mark 0x2 --passed-mark 0x10 --via COMMAND"},
    {"no IPv6 route",
     [](auto& facts) {
       facts.ways.v6 = {};
       facts.routing.own_networks.v6 = {core::Network::of(*core::Address::parse("2001:db8::"), 64)};
     },
     "IPv6 has no default route", "ip -6 route add default dev wan0 metric 2147483647", true, warning},
    {"no route at all", [](auto& facts) { facts.ways = {}; }, "IPv4 has no default route",
     "ip -4 route add default via ROUTER", false},
    {"connections",
     [](auto& facts) {
       facts.settings.connections = 95;
       facts.settings.most_connections = 100;
     },
     "remembers 95 connections of 100", "sysctl -w net.netfilter.nf_conntrack_max=400"},
    {"sources, maybe",
     [](auto& facts) {
       facts.settings.marked_sources = {"all"};
       facts.settings.forwards = true;
     },
     "net.ipv4.conf.all.src_valid_mark is 1", "sysctl -w net.ipv4.conf.all.src_valid_mark=0", false, warning},
    {"IPv6 on cards only", [](auto& facts) { facts.settings.loopback_has_ipv6 = false; },
     "the loopback device has no IPv6, and wan0 has", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"},
    {"IPv6 asked for",
     [](auto& facts) {
       facts.settings.loopback_has_ipv6 = false;
       facts.settings.cards_with_ipv6.clear();
       facts.names.nameservers = {endpoint("2001:db8::53", 53)};
     },
     "a nameserver has an IPv6 address", "sysctl -w net.ipv6.conf.all.disable_ipv6=0"},
    {"resolved", [](auto& facts) { facts.names.nameservers = {endpoint("127.0.0.53", 53)}; },
     "nobody answers at 127.0.0.53:53", "systemctl restart systemd-resolved"},
    {"descriptors", [](auto& facts) { facts.instance->descriptors = 100; }, "may open 100 files only",
     "prlimit --pid 100 --nofile=65536:65536"},
    {"some descriptors", [](auto& facts) { facts.own.descriptors = 2000; }, "may open 2000 files only",
     "ulimit -n 65536", false, warning},
    {"clock", [](auto& facts) { facts.own.made_at = facts.own.now + std::chrono::days(2); }, "before this program",
     "timedatectl set-ntp true"},
};

TEST(DoctorTest, EachFaultIsNamedOnceWithTheLineThatMendsIt) {
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    auto facts = one.runs ? capturing() : machine();
    one.injure(facts);
    const auto found = faults(facts);
    ASSERT_EQ(found.size(), 1U) << as_text(found, false);
    EXPECT_TRUE(has(found[0].what, one.what)) << found[0].what;
    EXPECT_EQ(found[0].mend, one.mend);
    EXPECT_EQ(found[0].verdict, one.verdict);
    EXPECT_FALSE(found[0].meaning.empty());
  }
}

TEST(DoctorTest, WhoMayNotLookIsToldOfNoFault) {
  auto facts = capturing();
  facts.own.is_root = facts.own.may_change_rules = facts.own.may_send_raw = false;
  facts.rules.reset();
  facts.features = {};
  facts.features.is_known = false;
  facts.routing.ours.rules[0].mark = 0x80;
  EXPECT_EQ(situation_of(facts).state, State::captures);
  EXPECT_TRUE(
      std::ranges::none_of(check_rights(situation_of(facts)), [](const auto& one) { return one.verdict >= warning; }));
  EXPECT_EQ(check_rules(situation_of(facts)).at(0).verdict, skipped);
  EXPECT_EQ(check_kernel(situation_of(facts)).at(0).verdict, skipped);
}

TEST(DoctorTest, SettingsThatMatterToForwardingAreNoFaultWithoutIt) {
  auto facts = capturing();
  facts.settings.marked_sources = {"all"};
  facts.settings.with_bridges = {"bridge-nf-call-iptables"};
  facts.settings.forwards = true;
  facts.routing.cards.push_back({3, "bridge0", false, true});
  EXPECT_EQ(as_text(faults(facts), false), "");
  facts.rules = ruleset(rule("prerouting", R"({"jump":{"target":"choose_forwarded"}})"));
  const auto found = faults(facts);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].verdict, wrong);
  EXPECT_EQ(found[1].verdict, warning);
  facts.routing.cards.pop_back();
  EXPECT_EQ(faults(facts).size(), 1U) << "there is no bridge";
}

TEST(DoctorTest, DnsOverTlsIsAFaultOnlyWhereItIsRefused) {
  auto facts = capturing();
  facts.names.asks_resolved = true;
  facts.names.over_tls = "yes";
  EXPECT_EQ(as_text(faults(facts), false), "") << "--dns keep";
  facts.rules = ruleset(chain("ask_another") + rule("ask_another", R"({"dnat":{"family":"ip","addr":"198.18.0.53"}})"));
  ASSERT_EQ(faults(facts).size(), 1U);
  EXPECT_TRUE(has(faults(facts)[0].mend, "DNSOverTLS=no"));
  facts.names.over_tls = "opportunistic";
  EXPECT_EQ(as_text(faults(facts), false), "");
}

TEST(DoctorTest, RulesOfOthersNeedSomebodyWhoListens) {
  auto facts = machine();
  facts.rules = parse_ruleset(R"({"nftables":[)" + chain("p", "prerouting", -150, "accept", "mine") +
                              rule("p", R"({"tproxy":{"family":"ip","port":12300}})", 1, "mine") + R"({"x":{}}]})");
  ASSERT_EQ(faults(facts).size(), 1U);
  EXPECT_EQ(faults(facts)[0].mend, "tfunnel -p 12300 --via COMMAND");
  facts.listeners = {{true, endpoint("::", 12300)}};
  EXPECT_EQ(as_text(faults(facts), false), "");
}

// --- others' rules ---------------------------------------------------------------------------------------

const std::string drop = R"({"drop":null})";

std::string match(const std::string& left, const std::string& right, const std::string& op = "==") {
  return R"({"match":{"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}},";
}
std::string meta(const std::string& key) { return R"({"meta":{"key":")" + key + R"("}})"; }
std::string field(const std::string& protocol, const std::string& name) {
  return R"({"payload":{"protocol":")" + protocol + R"(","field":")" + name + R"("}})";
}

std::vector<Obstacle> met(const std::string& hook, int priority, const std::string& rules,
                          const std::string& policy = "accept") {
  return obstacles(ruleset(chain("c", hook, priority, policy, "other") + rules), {256, 512, 1024}, {"wan0", "wan0"});
}
std::string other(const std::string& parts, int handle = 7) { return rule("c", parts, handle, "other"); }

TEST(ObstaclesTest, WhatIsCertainToBeDroppedIsLetThroughByItsMark) {
  const auto found = met("input", 0, other(match(meta("iifname"), "\"lo\"") + drop));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(has(found[0].what, "rule 7 of chain inet other c (hook input, priority 0) drops")) << found[0].what;
  EXPECT_EQ(found[0].mend, "nft insert rule inet other c meta mark and 0x300 != 0 accept");
}

TEST(ObstaclesTest, BeforeItHasOurMarkOnlyTheRuleCanGo) {
  const auto found = met("output", -300, other(match(meta("l4proto"), "\"udp\"") + R"({"reject":null})"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].mend, "nft delete rule inet other c handle 7");
}

TEST(ObstaclesTest, AMarkThatIsTakenIsNoticedUnlessItsBitStays) {
  const auto set = [](const std::string& value) {
    return other(R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":)" + value + "}}");
  };
  ASSERT_EQ(met("output", 0, set("5")).size(), 1U);
  EXPECT_TRUE(met("output", 0, set(R"({"|":[{"meta":{"key":"mark"}},5]})")).empty());
  EXPECT_EQ(met("output", -300, set("5")).size(), 1U) << "answers have their mark by then";
  EXPECT_TRUE(met("prerouting", 0, set("5")).empty()) << "its way is known";
}

TEST(ObstaclesTest, WhatMayNotBeAboutItIsNoObstacle) {
  EXPECT_TRUE(met("output", 0, other(match(field("tcp", "dport"), "25") + drop)).empty());
  EXPECT_TRUE(
      met("output", 0, other(match(field("ip", "daddr"), R"({"prefix":{"addr":"10.0.0.0","len":8}})") + drop)).empty());
  EXPECT_TRUE(met("output", 0, other(match(field("ip", "daddr"), "\"@bad\"") + drop)).empty());
  EXPECT_TRUE(met("output", 0, other(R"({"limit":{"rate":5}},)" + drop)).empty());
  EXPECT_TRUE(met("output", 0, other(R"({"xt":null},)" + drop)).empty());
  EXPECT_TRUE(
      met("input", 0, other(match(R"({"ct":{"key":"state"}})", R"(["invalid","untracked"])", "in") + drop)).empty());
  EXPECT_TRUE(met("input", 0, other(match(meta("iif"), "\"lo\"", "!=") + drop)).empty());
  EXPECT_TRUE(met("forward", 0, other(drop)).empty()) << "it is not forwarded";
}

TEST(ObstaclesTest, APolicyCountsForWhatNothingElseMayAccept) {
  const auto loopback = other(match(meta("oif"), "\"lo\"") + R"({"accept":null})");
  const auto strict = met("output", 10, loopback, "drop");
  ASSERT_EQ(strict.size(), 1U);
  EXPECT_TRUE(has(strict[0].what, "the policy of chain inet other c"));
  const auto some = other(match(field("th", "dport"), R"({"set":[53,80]})") + R"({"accept":null})");
  EXPECT_TRUE(met("output", 10, loopback + some, "drop").empty());
  EXPECT_TRUE(met("input", 10, other(match(meta("iifname"), "\"l*\"") + R"({"accept":null})"), "drop").empty());
  EXPECT_EQ(met("output", -300, "", "drop").at(0).mend, "nft chain inet other c '{ policy accept; }'");
}

TEST(ObstaclesTest, JumpsAreFollowedAndEndlessOnesDoNoHarm) {
  const auto more = chain("more", "", 0, "", "other");
  EXPECT_EQ(met("input", 0, more + other(R"({"jump":{"target":"more"}})") + rule("more", drop, 9, "other")).size(), 1U);
  EXPECT_TRUE(met("input", 0, more + other(R"({"goto":{"target":"more"}})") + other(drop)).empty());
  EXPECT_TRUE(
      met("input", 0,
          more + other(R"({"jump":{"target":"more"}})") + rule("more", R"({"jump":{"target":"more"}})", 9, "other"))
          .empty());
  EXPECT_TRUE(met("input", 0,
                  more + other(match(field("tcp", "dport"), "25") + R"({"jump":{"target":"more"}})") +
                      rule("more", drop, 9, "other"))
                  .empty());
}

TEST(ObstaclesTest, AnswersWithAStrangersAddressOverTheLoopbackDeviceAreFollowed) {
  const auto spoofed = match(meta("iif"), "\"lo\"") +
                       match(field("ip", "saddr"), R"({"prefix":{"addr":"127.0.0.0","len":8}})", "!=") +
                       match(R"({"ct":{"key":"state"}})", "\"established\"", "in") + drop;
  EXPECT_EQ(met("input", 0, other(spoofed)).size(), 1U);
}

TEST(ObstaclesTest, WhatIsForwardedNeedsAWayIntoThisMachine) {
  const auto accept = std::string(R"({"accept":null})");
  const auto services = other(match(meta("iif"), "\"lo\"") + accept) +
                        other(match(field("tcp", "dport"), R"({"set":[22,{"range":[80,90]}]})") + accept);
  const auto stopped = [&](const std::string& more, const std::vector<std::string>& cards) {
    const auto rules = ruleset(chain("c", "input", 0, "drop", "other") + services + more);
    return obstacles(rules, {256, 512, 1024}, {"wan0", "wan0", cards}).size();
  };
  EXPECT_EQ(stopped("", {}), 0U);
  EXPECT_EQ(stopped("", {"lan0", "wan0"}), 1U);
  EXPECT_EQ(stopped(other(match(meta("iifname"), "\"lan0\"") + accept), {"lan0", "wan0"}), 0U);
}

TEST(RulesetTest, WhatIsNoListOfRulesIsNone) {
  for (const auto* text : {"table inet x {}", "[]", "{}", "{\"nftables\":[]}\n?", R"({"nftables":{}})"})
    EXPECT_FALSE(parse_ruleset(text)) << text;
  EXPECT_TRUE(parse_ruleset(R"({"nftables":[1,{"chain":2},{"rule":{}},{"table":[]}]})"));
}

// --- probes ----------------------------------------------------------------------------------------------

const std::string dnat = chain("ask_another") +
                         rule("ask_another", R"({"dnat":{"family":"ip","addr":"198.18.0.53"}})") +
                         rule("ask_another", R"({"dnat":{"family":"ip6","addr":"fd00:7466::53"}})");

Probe probe(bool is_tcp, const char* to, Outcome outcome) {
  Probe made{is_tcp, false, endpoint(to, 53)};
  made.outcome = outcome;
  return made;
}

TEST(ProbesTest, NobodyIsAskedWhoWasNotNamedUnlessTheTunnelIsWhole) {
  EXPECT_FALSE(choose_probes(situation_of(machine()), {}, {}).why_not.empty());
  EXPECT_EQ(choose_probes(situation_of(machine()), {"a.example", {}, 1s}, {}).probes.size(), 2U);
  auto facts = capturing(dnat);
  EXPECT_EQ(choose_probes(situation_of(facts), {}, {}).probes.size(), 5U)
      << "the nameserver, and both ways of each family";
  EXPECT_FALSE(choose_probes(situation_of(facts), {}, {{wrong, "order", "", "", ""}}).why_not.empty());
  facts.routing.ours.rules.pop_back();
  EXPECT_FALSE(choose_probes(situation_of(facts), {"a.example", {}, 1s}, {}).why_not.empty());
  facts = capturing();
  facts.rules.reset();
  EXPECT_FALSE(choose_probes(situation_of(facts), {}, {}).why_not.empty()) << "nobody knows";
}

TEST(ProbesTest, ALinkOverWhichNothingComesBackIsOneFault) {
  auto facts = capturing(dnat);
  const std::vector<Probe> silent{probe(true, "198.18.0.53", Outcome::ended),
                                  probe(false, "198.18.0.53", Outcome::timed_out)};
  auto found = check_probes(situation_of(facts), {}, silent, std::nullopt);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].mend, "kill 101");
  facts.instance->children.clear();
  found = check_probes(situation_of(facts), {}, silent, std::nullopt);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].mend, "tfunnel down");
  facts.instance->process.pid = 0;
  EXPECT_EQ(check_probes(situation_of(facts), {}, silent, std::nullopt).at(0).mend,
            "tfunnel up --replace --via COMMAND");
}

TEST(ProbesTest, RefusedDatagramsAreAWarningWhereConnectionsAreAnswered) {
  const auto facts = capturing();
  const std::vector<Probe> mixed{probe(true, "192.0.2.9", Outcome::answered),
                                 probe(false, "192.0.2.9", Outcome::refused)};
  const auto found = check_probes(situation_of(facts), {"", endpoint("192.0.2.9", 53), 1s}, mixed, std::nullopt);
  EXPECT_EQ(std::ranges::count(found, warning, &Finding::verdict), 1);
  EXPECT_EQ(std::ranges::count(found, wrong, &Finding::verdict), 0);
}

TEST(ProbesTest, AnAnswerIsJudgedByTheNameThatWasAskedFor) {
  const auto facts = capturing();
  auto answer = probe(false, "192.0.2.9", Outcome::answered);
  const auto verdict = [&](const char* name) {
    return check_probes(situation_of(facts), {name, {}, 1s}, {answer}, std::nullopt).back().verdict;
  };
  answer.code = 5;  // refused: somebody is there
  EXPECT_EQ(verdict(""), right);
  EXPECT_EQ(verdict("a.example"), wrong);
  answer.code = 0;
  EXPECT_EQ(verdict("a.example"), wrong);
  answer.has_records = true;
  EXPECT_EQ(verdict("a.example"), right);
  answer.code = 2;
  EXPECT_EQ(verdict(""), wrong);
}

TEST(ProbesTest, TheLinksOwnWordsCountMoreThanWhatIsMeasured) {
  const auto facts = capturing();
  const std::vector<Probe> answers{probe(true, "192.0.2.9", Outcome::answered)};
  const auto found = check_probes(situation_of(facts), {}, answers, MeasuredLink{true, 12345us, 4e6});
  EXPECT_EQ(found[0].what, "round trip 13 ms, 4 MB/s");
  EXPECT_EQ(check_probes(situation_of(facts), {}, answers, MeasuredLink{}).at(0).verdict, wrong);
}

// --- texts -----------------------------------------------------------------------------------------------

TEST(ReportTest, FaultsStandWithTheirLinesAndNothingDisturbsATerminal) {
  const Findings findings{{right, "a", "well", "", ""}, {wrong, "b", "bad \x1b[2J", "it hurts", "mend it"}};
  EXPECT_EQ(as_text(findings, true).substr(0, 20), "wrong    b: bad \\x1b");
  EXPECT_TRUE(has(as_text(findings, true), "\n         it hurts\n  mend:  mend it\n"));
  EXPECT_TRUE(has(as_text(findings, false), "right    a: well\n"));
  EXPECT_TRUE(
      has(as_json(findings, false), R"({"healthy":false,"checks":[{"check":"a","verdict":"right","what":"well"},)"));
}

TEST(ReportTest, WarningsCountIfThatIsWanted) {
  const Findings findings{{warning, "a", "", "", ""}, {skipped, "b", "", "", ""}};
  EXPECT_TRUE(is_healthy(findings, false));
  EXPECT_FALSE(is_healthy(findings, true));
  EXPECT_TRUE(is_healthy({{skipped, "b", "", "", ""}}, true));
}

TEST(ShellWordsTest, OneWordStaysOneWord) {
  EXPECT_EQ(shell_word("/usr/bin/tfunnel"), "/usr/bin/tfunnel");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(ListenersTest, OnlySocketsThatWaitForStrangersCount) {
  const std::string tcp_table =
      "  sl  local_address rem_address   st\n"
      "   0: 00000000:306F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711\n"
      "   1: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711\n"
      "   2: 826433C6:9C40 0A7100CB:0016 01 00000000:00000000 00:00000000 00000000     0        0 4711\n";
  EXPECT_EQ(listeners_in(tcp_table, true),
            (std::set<Listener>{{true, endpoint("0.0.0.0", 12399)}, {true, endpoint("127.0.0.53", 53)}}));
  const std::string udp_table =
      "   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 "
      "00:00000000 00000000     0        0 4711\n"
      "   1: 826433C6:9C40 0A7100CB:0016 01 00000000:00000000 00:00000000 00000000     0        0 4711\n";
  EXPECT_EQ(listeners_in(udp_table, false), (std::set<Listener>{{false, endpoint("::", 53)}}));
}

TEST(ListenersTest, TheLastValueInItsSectionCounts) {
  const std::string text = "#DNSOverTLS=no\n[Resolve]\nDNSOverTLS=no\n DNSOverTLS = yes \n[Other]\nDNSOverTLS=no\n";
  EXPECT_EQ(ini_value(text, "Resolve", "DNSOverTLS"), "yes");
  EXPECT_EQ(ini_value(text, "Resolve", "DNS"), "");
}

TEST(MeasuredLinkTest, OnlyWhatWasMeasuredIsBelieved) {
  const auto told = [](const std::string& links) {
    return std::vector<StatusAnswer>{{"a", 0, 7, "{\"links\": [" + links + "]}"}, {"b", 0, 8, std::nullopt}};
  };
  const std::string down = R"({"up": false})";
  const std::string up = R"({"up": true, "pacing": {"round_trip_ms": 20.5, "bytes_per_second": 1000000}})";
  const auto link = measured_link(told(down + "," + up), 7);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->round_trip, 20500us);
  EXPECT_EQ(link->bytes_per_second, 1e6);
  EXPECT_FALSE(measured_link(told(up), 8)) << "it did not answer";
  EXPECT_FALSE(measured_link(told(up), 9)) << "it was not asked";
  for (const auto* nothing : {"", "1", R"({"up": true})", R"({"up": 1, "pacing": {}})", R"({"up": true, "pacing": 1})",
                              R"({"up": true, "pacing": {"round_trip_ms": 0}})", "nonsense",
                              R"({"up": true, "pacing": {"round_trip_ms": 1e300}})"}) {
    EXPECT_FALSE(measured_link(told(nothing), 7)) << nothing;
  }
}

}  // namespace
}  // namespace tfunnel::client
