// Only what is a host name is handed to an upstream as one.
#include "common/core/host_name.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::host_name;

TEST(HostName, IsLowerCaseWithoutTheFinalDot) {
  EXPECT_EQ(host_name("WWW.Example.COM"), "www.example.com");
  EXPECT_EQ(host_name("example.com."), "example.com");
  EXPECT_EQ(host_name("wiki"), "wiki");
  EXPECT_EQ(host_name("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(host_name("3com.com"), "3com.com");
  EXPECT_EQ(host_name("My_App.example"), "my_app.example") << "no standard has it, everybody else does";
  EXPECT_EQ(host_name("_a_.b_.example"), "_a_.b_.example");
}

TEST(HostName, AddressesAreNone) {
  for (const auto* text : {"192.0.2.1", "192.0.2.1.", "127.1", "2130706433", "0x7f000001", "1.0x7f", "::1", "[::1]",
                           "2001:db8::1", "fe80::1%eth0"})
    EXPECT_EQ(host_name(text), std::nullopt) << text;
}

TEST(HostName, TheMachineThatLooksItUpIsNone) {
  EXPECT_EQ(host_name("localhost"), std::nullopt);
  EXPECT_EQ(host_name("LOCALHOST."), std::nullopt);
  EXPECT_EQ(host_name("evil.localhost"), std::nullopt);
  for (const auto* text : {"localhost.localdomain", "ip6-localhost", "ip6-loopback", "localhost4",
                           "LocalHost6.localdomain6", "localhost4.localdomain4"})
    EXPECT_EQ(host_name(text), std::nullopt) << text;
  EXPECT_EQ(host_name("localhost.example.com"), "localhost.example.com");
}

TEST(HostName, NothingThatCouldEndARequestLineGetsThrough) {
  for (const auto* text : {"", ".", "..", "a..b", ".a", "a b", "a\r\nHost: b", "a/b", "a:80", "user@host", "-a.example",
                           "a-.example", "a*.example", "b\xc3\xbc.example"})
    EXPECT_EQ(host_name(text), std::nullopt) << text;
  EXPECT_EQ(host_name(std::string_view("a\0b", 3)), std::nullopt);
}

TEST(HostName, LengthsAreThoseOfTheDns) {
  EXPECT_TRUE(host_name(std::string(63, 'a')));
  EXPECT_FALSE(host_name(std::string(64, 'a')));
  std::string name;
  for (int i = 0; i < 126; ++i) name += "a.";
  EXPECT_TRUE(host_name(name + "a"));
  EXPECT_FALSE(host_name(name + "aa"));
}

}  // namespace
}  // namespace tfunnel::test
