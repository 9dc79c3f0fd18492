// The decisions of `tfunnel run` that need no namespace.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/rules/firewall_rules.hpp"
#include "client/run/checked_files.hpp"
#include "client/run/front_signals.hpp"
#include "client/run/id_map.hpp"
#include "client/run/mount_list.hpp"
#include "client/run/mounts.hpp"
#include "client/run/namespace_hint.hpp"
#include "client/run/network.hpp"
#include "client/run/outside_services.hpp"
#include "client/run/run_options.hpp"

namespace tfunnel::client {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(IdMap, EveryIdMeansItselfWhateverItMeansFurtherOut) {
  EXPECT_EQ(identity_map("         0          0 4294967295\n"), "0 0 4294967295\n");
  EXPECT_EQ(identity_map("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
  EXPECT_EQ(identity_map(""), "");
  EXPECT_EQ(single_id_map(1000), "1000 1000 1\n");
}

TEST(NamespaceHint, NamesTheSettingThatForbids) {
  NamespaceFacts facts;
  facts.program = "/usr/local/bin/tfunnel";
  facts.max_user_namespaces = 1000;
  const auto text = [&](int error) { return explain_refusal("a user namespace", error, facts); };
  EXPECT_TRUE(contains(text(EPERM), "sudo setcap cap_sys_admin=ep '/usr/local/bin/tfunnel'"));
  EXPECT_FALSE(contains(text(EPERM), "sysctl"));
  EXPECT_TRUE(contains(text(ENOSPC), "sysctl -w user.max_user_namespaces=10000"));
  EXPECT_TRUE(contains(text(EINVAL), "CONFIG_USER_NS"));
  facts.unprivileged_userns_clone = 1;
  facts.apparmor_restrict_unprivileged_userns = 0;
  EXPECT_FALSE(contains(text(EPERM), "sysctl"));
  facts.in_container = true;
  EXPECT_TRUE(contains(text(EPERM), "seccomp"));
  facts.apparmor_restrict_unprivileged_userns = 1;
  EXPECT_TRUE(contains(text(EACCES), "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
  EXPECT_TRUE(contains(text(EACCES), "profile tfunnel /usr/local/bin/tfunnel flags=(unconfined) { userns, }"));
  facts.unprivileged_userns_clone = 0;
  EXPECT_TRUE(contains(text(EPERM), "sysctl -w kernel.unprivileged_userns_clone=1"));
  facts.max_user_namespaces = 0;
  EXPECT_TRUE(contains(text(EPERM), "sysctl -w user.max_user_namespaces=10000"));
}

class Refusal : public testing::Test {
 protected:
  Refusal() {
    facts_.program = "/usr/bin/tfunnel";
    facts_.max_user_namespaces = 1000;
    facts_.filtered = false;
  }
  [[nodiscard]] bool says(int error, const std::string& part) const {
    return contains(explain_refusal("a user namespace", error, facts_), part);
  }
  NamespaceFacts facts_;
};

// The kernel says EAGAIN where a process may not be started; no setting of namespaces helps then.
TEST_F(Refusal, LimitOfProcessesIsTheUsersTheGroupsOrTheSystems) {
  facts_.in_container = true;
  EXPECT_TRUE(says(EAGAIN, "kernel.pid_max"));
  facts_.most_processes = 7;
  EXPECT_TRUE(says(EAGAIN, "the limit is 7, see ulimit -u"));
  facts_.most_in_group = 9;
  EXPECT_TRUE(says(EAGAIN, "pids.max is 9"));
  EXPECT_FALSE(says(EAGAIN, "docker run"));
}

TEST_F(Refusal, LimitOfNamespacesIsThatOfTheirKind) {
  facts_.exhausted = "net";
  facts_.most_namespaces = 5;
  EXPECT_TRUE(says(ENOSPC, "no more network namespaces (user.max_net_namespaces is 5)"));
  EXPECT_TRUE(says(ENOSPC, "sysctl -w user.max_net_namespaces=10000"));
}

TEST_F(Refusal, ChrootIsCalledSoAndNoCapabilityHelps) {
  facts_.in_chroot = true;
  facts_.in_container = true;
  facts_.filtered = true;
  EXPECT_TRUE(says(EPERM, "This process is in a chroot"));
  EXPECT_FALSE(says(EPERM, "setcap"));
  facts_.in_chroot = false;
  facts_.filtered = false;
  EXPECT_TRUE(says(EPERM, "this seems to be a chroot"));
  // Security modules answer by EACCES; and in a namespace that exists the chroot has not mattered.
  EXPECT_FALSE(says(EACCES, "chroot"));
  facts_.made = true;
  EXPECT_FALSE(says(EPERM, "chroot"));
}

TEST_F(Refusal, FilterProfileAndSelinuxAreToldApart) {
  facts_.filtered = true;
  EXPECT_TRUE(says(EPERM, "RestrictNamespaces="));
  EXPECT_TRUE(says(ENOSYS, "RestrictNamespaces="));
  EXPECT_FALSE(says(ENOSYS, "CONFIG_USER_NS"));
  facts_.filtered = false;
  facts_.apparmor_profile = "snap.shell";
  EXPECT_TRUE(says(EACCES, "'snap.shell'"));
  facts_.apparmor_profile.clear();
  facts_.selinux_enforces = true;
  EXPECT_TRUE(says(EACCES, "ausearch"));
}

TEST_F(Refusal, MissingProcIsSaidWhateverElseIs) {
  facts_.has_proc = false;
  EXPECT_TRUE(says(ENOENT, "/proc is not mounted"));
  EXPECT_TRUE(says(EPERM, "/proc is not mounted"));
}

TEST(OutsideServices, ShownOnesAreLeftOutAndNoOthers) {
  const auto has = [](const std::vector<std::string>& shown, const std::string& path) {
    const auto all = outside_services("/run/user/1000", shown);
    return std::ranges::find(all, path) != all.end();
  };
  EXPECT_TRUE(has({}, "/run/docker.sock"));
  EXPECT_TRUE(has({}, "/run/user/1000/podman"));
  EXPECT_FALSE(has({"/run/docker.sock"}, "/run/docker.sock"));
  EXPECT_FALSE(has({"/run/dbus/system_bus_socket"}, "/run/dbus"));
  EXPECT_TRUE(has({"/run/docker.sock"}, "/run/dbus"));
  EXPECT_TRUE(has({"/run/dock"}, "/run/docker.sock"));
  const auto usual = "/run/user/" + std::to_string(::geteuid()) + "/podman";
  for (const auto* directory : {"", "/tmp/other"}) {
    const auto all = outside_services(directory, {});
    EXPECT_EQ(std::ranges::count(all, usual), 1) << directory;
  }
  EXPECT_TRUE(has({}, "/run/systemd/private"));
  EXPECT_TRUE(has({}, "/run/user/1000/systemd/private"));
}

TEST(MountList, PointsAndTypesStandBehindAnyNumberOfOptionalFields) {
  const auto all = list_of_mounts(
      "22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"
      "23 1 0:21 / /srv/a\\040chroot/sys rw - sysfs sysfs rw\n"
      "no mount at all\n"
      "24 1 0:22 / /x rw master:1 propagate_from:2 - cgroup2 cgroup2 rw\n");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].point + " " + all[0].type, "/proc proc");
  EXPECT_EQ(all[1].point + " " + all[1].type, "/srv/a chroot/sys sysfs");
  EXPECT_EQ(all[2].point + " " + all[2].type, "/x cgroup2");
}

TEST(FirewallRules, EveryPlaceholderIsFilledIn) {
  const auto rules = firewall_rules({7, 11, 13, "veth9", true});
  EXPECT_TRUE(contains(rules, "meta mark 11 oif \"lo\" accept"));
  EXPECT_TRUE(contains(rules, "meta mark set 13\n"));
  EXPECT_TRUE(contains(rules, "meta mark != 13 accept"));
  EXPECT_TRUE(contains(rules, "tproxy ip to :7 accept"));
  EXPECT_TRUE(contains(rules, "     meta nfproto ipv6"));
  EXPECT_EQ(rules.find("PORT"), std::string::npos);
  EXPECT_EQ(rules.find("_MARK"), std::string::npos);
  EXPECT_FALSE(contains(firewall_rules({7, 11, 13, "veth9", false}), "\n    meta nfproto ipv6"));
}

TEST(NameServiceDirectories, SssdIsHiddenOnlyWhereItLooksHostsUp) {
  const auto has_sss = [](const std::string& nsswitch) {
    const auto all = name_service_directories(nsswitch);
    return std::ranges::find(all, "/var/lib/sss/pipes") != all.end();
  };
  EXPECT_FALSE(has_sss("passwd: files sss\nhosts: files dns\n"));
  EXPECT_FALSE(has_sss("#hosts: sss\nhosts: files # sss\n"));
  EXPECT_TRUE(has_sss("hosts:   files sss [NOTFOUND=return] dns\n"));
  EXPECT_FALSE(name_service_directories("").empty());
}

TEST(FrontSignals, WhatTheTerminalSendsIsNotPassedOnTwice) {
  constexpr pid_t program = 42;
  EXPECT_FALSE(is_for_program({SIGINT, SI_KERNEL, 0}, program));
  EXPECT_FALSE(is_for_program({SIGTSTP, SI_KERNEL, 0}, program));
  EXPECT_TRUE(is_for_program({SIGINT, SI_USER, 7}, program));
  EXPECT_TRUE(is_for_program({SIGINT, SI_TKILL, 7}, program));
  EXPECT_TRUE(is_for_program({SIGTERM, SI_QUEUE, 7}, program));
  EXPECT_TRUE(is_for_program({SIGHUP, SI_KERNEL, 0}, program));
}

TEST(FrontSignals, WhatTheProgramSendsDoesNotComeBackToIt) {
  EXPECT_FALSE(is_for_program({SIGTERM, SI_USER, 42}, 42));
  EXPECT_FALSE(is_for_program({SIGCHLD, CLD_EXITED, 42}, 42));
}

TEST(RunNetwork, KnowsTheNamespacesOwnAddresses) {
  for (const auto* own : {"127.0.0.1", "127.1.2.3", "::1", "198.18.0.2", "fd00:7466::2"}) {
    EXPECT_TRUE(is_address_of_namespace(*core::Address::parse(own))) << own;
  }
  for (const auto* other : {"198.18.0.1", "198.18.0.53", "fd00:7466::53", "203.0.113.1", "2001:db8::1"}) {
    EXPECT_FALSE(is_address_of_namespace(*core::Address::parse(other))) << other;
  }
}

TEST(RunOptions, WhatIsBehindTheDashesIsTheProgramsWhateverItLooksLike) {
  const std::vector<const char*> words{"tfunnel", "-v", "--", "ls", "--help", "--", "-v"};
  const auto split = split_run_words(words);
  EXPECT_EQ(split.options.size(), 2U);
  EXPECT_STREQ(split.options[1], "-v");
  EXPECT_EQ(split.program, (std::vector<std::string>{"ls", "--help", "--", "-v"}));
  EXPECT_TRUE(split_run_words(std::span(words).first(2)).program.empty());
}

// The far end would fail for an option that it does not know, and its own ones must not get lost.
TEST(RunOptions, FarEndGetsItsOwnOptionsAsTheyWereWritten) {
  app::CommonOptions common;
  RunOptions run;
  app::po::options_description of_far_end;
  of_far_end.add(app::common_description(common));
  app::po::options_description all;
  all.add(run_description(run)).add(of_far_end);
  const std::vector<const char*> words{"tfunnel", "--hide",        "/x", "--log_level=debug",
                                       "-v",      "--udp-timeout", "5",  "--"};
  EXPECT_EQ(local_far_end(split_run_words(words), all, of_far_end),
            (std::vector<std::string>{"tfunnel", "proxy", "--log-level=debug", "-v", "--udp-timeout", "5"}));
}

TEST(RunOptions, NameserversTravelOnlyIfThereIsARealFarEnd) {
  RunOptions run;
  RunNames names{{"203.0.113.53"}, {"192.0.2.1"}};
  EXPECT_EQ(nameservers(run, names), names.resolvers);
  run.link.via = "ssh host tfunnel";
  EXPECT_EQ(nameservers(run, names), names.servers);
  names.servers.clear();
  EXPECT_EQ(nameservers(run, names), names.resolvers);
}

TEST(RunOptions, WithoutAResolverTheProgramAsksTheNameserverItself) {
  EXPECT_EQ(nameservers({}, {{}, {"192.0.2.1"}}), std::vector<std::string>{"192.0.2.1"});
}

TEST(SshIncludes, AreFoundHoweverTheyAreWritten) {
  EXPECT_EQ(ssh_includes("Include /etc/ssh/ssh_config.d/*.conf\n"),
            (std::vector<std::string>{"/etc/ssh/ssh_config.d/*.conf"}));
  EXPECT_EQ(ssh_includes("Host *\n\t include a  b\tc"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(ssh_includes("INCLUDE=a\nInclude = b\nInclude =c\r\n"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(ssh_includes("Include \"with blanks\" plain # the rest is not meant"),
            (std::vector<std::string>{"with blanks", "plain"}));
}

TEST(SshIncludes, AreNotFoundElsewhere) {
  EXPECT_EQ(ssh_includes(""), std::vector<std::string>());
  EXPECT_EQ(ssh_includes("# Include a\n\n  #Include b\nHost Include\nIncluded c\nInclude\nInclude ="),
            std::vector<std::string>());
}

}  // namespace
}  // namespace tfunnel::client
