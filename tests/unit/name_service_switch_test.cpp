// Which services look host names up, by nsswitch.conf(5).
#include "common/core/name_service_switch.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using Services = std::vector<std::string>;

TEST(NameServiceSwitch, ServicesWithoutActionsAndComments) {
  EXPECT_EQ(core::host_services("passwd: files ldap\nhosts:  files mdns4_minimal [NOTFOUND=return] dns # myhostname\n"),
            (Services{"files", "mdns4_minimal", "dns"}));
  EXPECT_EQ(core::host_services("hosts: mymachines resolve [!UNAVAIL=return SUCCESS=merge]files"),
            (Services{"mymachines", "resolve", "files"}));
  EXPECT_EQ(core::host_services("# hosts: dns\nnetworks: files\n"), Services());
  EXPECT_EQ(core::host_services(""), Services());
}

}  // namespace
}  // namespace tfunnel::test
