// `tfunnel up` for some programs and network cards: what is read, and the rules that come of it.
#include <gtest/gtest.h>

#include "client/up/control_groups.hpp"
#include "client/up/selection_options.hpp"
#include "client/up/traps.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::client {
namespace {

using test::has;

SystemTerms selecting() {
  SystemTerms made;
  made.capture_port = 12399;
  return made;
}

TEST(SystemRulesTest, WhoIsNotSelectedMeetsNoOtherRule) {
  auto given = selecting();
  EXPECT_TRUE(has(system_rules(given), "chain choose_sender {\n    goto choose\n"));
  given.selection.has_senders = true;
  EXPECT_TRUE(has(system_rules(given), "chain choose_sender {\n    \n")) << "a group that is gone is not all";
  given.selection.users = {{5, 5}, {1000, 1999}};
  given.selection.groups = {{7, 7}};
  given.selection.control_groups = {{"system.slice/web.service", 2}};
  given.selection.interfaces = {"wan*"};
  given.forward = true;
  const auto text = system_rules(given);
  EXPECT_TRUE(has(text,
                  "meta skuid 5 goto choose\nmeta skuid 1000-1999 goto choose\nmeta skgid 7 goto choose\n"
                  "socket cgroupv2 level 2 \"system.slice/web.service\" goto choose\n"));
  EXPECT_TRUE(has(text, "oifname \"wan*\" goto choose_sender\n"));
  EXPECT_TRUE(has(text, "iifname \"wan*\" goto choose\n"));
}

TEST(SystemRulesTest, OtherProtocolsAreRefusedOnTheWayToWhatIsIncludedOnly) {
  auto given = selecting();
  EXPECT_TRUE(has(system_rules(given), "chain refuse_other {\n    counter name refused_others reject with"));
  given.included = {{core::Network::of(*core::Address::parse("198.51.100.0"), 24), 0, 0},
                    {core::Network::of(*core::Address::parse("203.0.113.0"), 24), 80, 80}};
  EXPECT_TRUE(has(system_rules(given),
                  "chain refuse_other {\n    ip daddr 198.51.100.0/24 counter name refused_others reject with icmpx "
                  "type admin-prohibited\n\n"));
}

TEST(SelectionTest, RangesOfNumbersAreReadAndNothingElse) {
  EXPECT_EQ(parse_ids("1000")->last, 1000U);
  EXPECT_EQ(parse_ids("1000-1999")->last, 1999U);
  EXPECT_EQ(parse_ids("4294967294")->first, 4294967294U);
  for (const auto* wrong : {"", "-", "7-3", "1-", "-1", "a", "1-a", "0x5", "4294967295", "1-2-3"}) {
    EXPECT_FALSE(parse_ids(wrong)) << wrong;
  }
}

TEST(SelectionTest, NamesOfInterfacesBreakNoRule) {
  for (const auto* right : {"eth0", "wan*", "a.5", "fifteen-letters"}) EXPECT_TRUE(is_interface_name(right)) << right;
  for (const auto* wrong : {"", "*", "a*b", "a b", "a\"", "a/b", "a:1", "a\n", "a\\", "sixteen-letters-"}) {
    EXPECT_FALSE(is_interface_name(wrong)) << wrong;
  }
}

TEST(SelectionTest, AnInterfaceThatIsNotThereIsFound) {
  const std::vector<NetworkCard> cards{{1, "lo", true}, {2, "wan0", true}};
  EXPECT_EQ(missing_interfaces({"wan0", "wan*", "lan*", "wan"}, cards), (std::vector<std::string>{"lan*", "wan"}));
}

TEST(SelectionTest, AControlGroupHasANameThatNftablesKnows) {
  const auto named = name_of_control_group("/sys/fs/cgroup/unified", "/a.slice/b");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->path, "unified/a.slice/b");
  EXPECT_EQ(named->level, 2U);
  EXPECT_EQ(name_of_control_group("/sys/fs/cgroup", "/a.slice")->path, "a.slice");
  for (const auto* wrong : {"/", "", "a", "/a\"b", "/a\nb"}) {
    EXPECT_FALSE(name_of_control_group("/sys/fs/cgroup", wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tfunnel::client
