// Which destinations go past the upstream proxy: an entry too wide leaks, one too narrow breaks.
#include "proxy/access/no_proxy.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

proxy::NoProxy list(std::string_view text) {
  proxy::NoProxy made;
  EXPECT_TRUE(made.add(text).empty()) << text;
  return made;
}

bool name_matches(std::string_view entries, std::string_view name, std::uint16_t port = 443) {
  return list(entries).matches(name, endpoint("203.0.113.1", port));
}

bool address_matches(std::string_view entries, const std::string& address, std::uint16_t port = 443) {
  return list(entries).matches(endpoint(address, port));
}

TEST(NoProxy, NameCoversItselfAndAllBelow) {
  for (const auto* entry : {"example.com", ".example.com", "*.example.com", "EXAMPLE.com.", "x, example.com"}) {
    EXPECT_TRUE(name_matches(entry, "example.com")) << entry;
    EXPECT_TRUE(name_matches(entry, "www.Example.Com")) << entry;
    EXPECT_TRUE(name_matches(entry, "www.example.com.")) << entry;
    EXPECT_FALSE(name_matches(entry, "notexample.com")) << entry;
    EXPECT_FALSE(name_matches(entry, "example.com.evil.org")) << entry;
    EXPECT_FALSE(name_matches(entry, "")) << entry;
  }
}

TEST(NoProxy, AddressInEveryNotation) {
  EXPECT_TRUE(address_matches("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(address_matches("192.0.2.1", "192.0.2.10"));
  EXPECT_TRUE(address_matches("2001:db8::1", "2001:db8:0::1"));
  EXPECT_TRUE(address_matches("[2001:db8::1]", "2001:db8::1"));
  EXPECT_FALSE(address_matches("2001:db8::1", "2001:db8::2"));
}

TEST(NoProxy, NetworksAtTheirEdges) {
  EXPECT_TRUE(address_matches("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(address_matches("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(address_matches("192.0.2.128/25", "192.0.2.128"));
  EXPECT_FALSE(address_matches("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(address_matches("192.0.2.4/31", "192.0.2.5"));
  EXPECT_TRUE(address_matches("192.0.2.4/32", "192.0.2.4"));
  EXPECT_TRUE(address_matches("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(address_matches("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(NoProxy, ZeroPrefixCoversItsFamilyOnly) {
  EXPECT_TRUE(address_matches("0.0.0.0/0", "203.0.113.1"));
  EXPECT_FALSE(address_matches("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(address_matches("::/0", "2001:db8::1"));
}

TEST(NoProxy, PortNarrowsAnEntry) {
  EXPECT_TRUE(name_matches("example.com:8080", "www.example.com", 8080));
  EXPECT_FALSE(name_matches("example.com:8080", "www.example.com", 443));
  EXPECT_TRUE(address_matches("192.0.2.1:22", "192.0.2.1", 22));
  EXPECT_FALSE(address_matches("192.0.2.1:22", "192.0.2.1", 23));
  EXPECT_TRUE(address_matches("10.0.0.0/8:22", "10.1.1.1", 22));
  EXPECT_FALSE(address_matches("10.0.0.0/8:22", "10.1.1.1", 80));
  EXPECT_TRUE(address_matches("[2001:db8::1]:22", "2001:db8::1", 22));
  EXPECT_FALSE(address_matches("[2001:db8::1]:22", "2001:db8::1", 23));
  EXPECT_TRUE(address_matches("[2001:db8::]/32:22", "2001:db8::7", 22));
  EXPECT_TRUE(address_matches("*:25", "203.0.113.9", 25));
  EXPECT_FALSE(address_matches("*:25", "203.0.113.9", 26));
}

TEST(NoProxy, StarIsEverything) {
  EXPECT_TRUE(name_matches("*", ""));
  EXPECT_TRUE(address_matches("*", "2001:db8::1"));
}

TEST(NoProxy, NameOnEveryPort) {
  EXPECT_TRUE(list("example.com").matches_any_port("www.example.com."));
  EXPECT_TRUE(list("*").matches_any_port("www.example.com"));
  EXPECT_FALSE(list("example.com:22,192.0.2.1,*:25").matches_any_port("example.com"));
}

TEST(NoProxy, EmptyListIsNothing) {
  EXPECT_TRUE(list("").empty());
  EXPECT_TRUE(list(" , ,\t").empty());
  EXPECT_FALSE(list("").matches("example.com", endpoint("192.0.2.1", 1)));
}

TEST(NoProxy, NameThatLooksLikeAnAddressDoesNotMatchOne) {
  EXPECT_FALSE(list("10.0.0.0/8").matches("10.1.1.1.example.com", endpoint("203.0.113.1", 80)));
}

TEST(NoProxy, NonsenseIsReportedAndTheRestHolds) {
  proxy::NoProxy made;
  const auto bad = made.add("10.0.0.0/33,good.example,a b/c,x:99999,[::1,192.0.2.0/x,2001:db8::/129");
  EXPECT_EQ(bad, (std::vector<std::string>{"10.0.0.0/33", "b/c", "x:99999", "[::1", "192.0.2.0/x", "2001:db8::/129"}));
  EXPECT_TRUE(made.matches("good.example", endpoint("203.0.113.1", 80)));
}

}  // namespace
}  // namespace tfunnel::test
