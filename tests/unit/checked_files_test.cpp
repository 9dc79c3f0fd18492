#include "client/run/checked_files.hpp"

#include <gtest/gtest.h>

namespace tfunnel::client {
namespace {

using Words = std::vector<std::string>;

TEST(SshIncludes, AreFoundHoweverTheyAreWritten) {
  EXPECT_EQ(ssh_includes("Include /etc/ssh/ssh_config.d/*.conf\n"), (Words{"/etc/ssh/ssh_config.d/*.conf"}));
  EXPECT_EQ(ssh_includes("Host *\n\t include a  b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(ssh_includes("INCLUDE=a\nInclude = b\nInclude =c\r\n"), (Words{"a", "b", "c"}));
  EXPECT_EQ(ssh_includes("Include \"with blanks\" plain # the rest is not meant"), (Words{"with blanks", "plain"}));
}

TEST(SshIncludes, AreNotFoundElsewhere) {
  EXPECT_EQ(ssh_includes(""), Words());
  EXPECT_EQ(ssh_includes("# Include a\n\n  #Include b\nHost Include\nIncluded c\nInclude\nInclude ="), Words());
}

}  // namespace
}  // namespace tfunnel::client
