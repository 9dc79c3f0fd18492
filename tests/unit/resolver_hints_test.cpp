// How a host completes names, from its file over the link into another file.
#include "common/core/resolver_hints.hpp"

#include <gtest/gtest.h>

namespace tfunnel::core {
namespace {

using Strings = std::vector<std::string>;

TEST(ResolverHints, TheLastSearchOrDomainLineCounts) {
  EXPECT_EQ(parse_resolver_hints("search a.test\ndomain b.test c.test\n", "h.own.test").search, Strings({"b.test"}));
  EXPECT_EQ(parse_resolver_hints("domain b.test\nsearch\t c.test. d.test\r\n", "h").search,
            Strings({"c.test", "d.test"}));
  EXPECT_EQ(parse_resolver_hints("# search a.test\n search b.test\nsearching c.test\n", "h").search, Strings());
  EXPECT_EQ(parse_resolver_hints("search .\n", "h.own.test").search, Strings()) << "said to be none";
}

TEST(ResolverHints, WithoutASearchListTheHostsOwnDomainCounts) {
  EXPECT_EQ(parse_resolver_hints("nameserver 192.0.2.1\n", "h.own.test").search, Strings({"own.test"}));
  EXPECT_EQ(parse_resolver_hints("", "h").search, Strings());
}

TEST(ResolverHints, OptionsAreBroughtIntoTheBoundsOfTheCLibrary) {
  const auto hints =
      parse_resolver_hints("options ndots:99 rotate timeout:0\noptions attempts:99999999999 edns0\n", "h");
  EXPECT_EQ(hints.ndots, 15U);
  EXPECT_EQ(hints.timeout, 1U);
  EXPECT_EQ(hints.attempts, 5U);
  EXPECT_FALSE(parse_resolver_hints("options ndots:x timeout: attempts:-1\n", "h").ndots);
  EXPECT_EQ(parse_resolver_hints("options ndots:0", "h").ndots, 0U);
}

TEST(ResolverHints, LinesSayTheSameAgain) {
  const ResolverHints hints{{"a.test", "b_c.test"}, 0, 3, 2};
  EXPECT_EQ(resolver_lines(hints), "search a.test b_c.test\noptions ndots:0 timeout:3 attempts:2\n");
  EXPECT_EQ(parse_resolver_hints(resolver_lines(hints), "h.own.test"), hints);
  EXPECT_EQ(resolver_lines({}), "search .\n");
  EXPECT_EQ(parse_resolver_hints(resolver_lines({}), "h.own.test"), ResolverHints());
}

TEST(ResolverHints, WireKeepsThem) {
  const ResolverHints hints{{"a.test", "b.test"}, 0, 3, 2};
  EXPECT_EQ(resolver_hints_from_wire(to_wire(hints)), hints);
  EXPECT_EQ(resolver_hints_from_wire(to_wire({})), ResolverHints());
}

TEST(ResolverHints, PeerCannotSayAnythingButDomainsAndSmallNumbers) {
  wire::ResolverHints hints;
  for (const auto* domain : {"a.test\nnameserver 192.0.2.66", "a b", "", ".", "a..b", "#", "-o.test", "ok.test"}) {
    hints.add_search(domain);
  }
  hints.add_search(std::string(64, 'a') + ".test");
  hints.add_search(std::string("a\0b", 3));
  hints.set_ndots(4'000'000'000);
  hints.set_timeout(4'000'000'000);
  hints.set_attempts(4'000'000'000);
  EXPECT_EQ(resolver_hints_from_wire(hints), (ResolverHints{{"-o.test", "ok.test"}, 15, 30, 5}));
}

TEST(ResolverHints, PeerCannotFillTheFile) {
  wire::ResolverHints hints;
  for (int i = 0; i < 100; ++i) hints.add_search("a" + std::to_string(i) + ".test");
  EXPECT_EQ(resolver_hints_from_wire(hints).search.size(), 32U);
  hints.clear_search();
  for (int i = 0; i < 32; ++i) hints.add_search(std::string(60, 'a') + '.' + std::string(60, 'b'));
  EXPECT_LE(resolver_lines(resolver_hints_from_wire(hints)).size(), 2200U);
}

}  // namespace
}  // namespace tfunnel::core
