// What a resolv.conf says, whoever asks: one parser for all.
#include "common/core/resolv_conf.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace tfunnel::core {
namespace {

using Strings = std::vector<std::string>;

TEST(ResolvConfText, WhatIsNotSaidIsNotThere) {
  for (const auto* text : {"", "nameserver 192.0.2.1\n", "# search a.test\n", " options ndots:2\n", "searching a\n"}) {
    const auto conf = parse_resolv_conf(text);
    EXPECT_FALSE(conf.search || conf.ndots || conf.timeout || conf.attempts || conf.rotate) << text;
  }
}

TEST(ResolvConfText, LastLineAndLastWordCount) {
  const auto conf = parse_resolv_conf("domain a.test b.test\nsearch c.test . d.test\r\noptions ndots:1 ndots:2 rotate");
  EXPECT_EQ(conf.search, Strings({"c.test", ".", "d.test"}));
  EXPECT_EQ(conf.ndots, 2U);
  EXPECT_TRUE(conf.rotate);
  EXPECT_EQ(parse_resolv_conf("search a.test\ndomain b.test c.test\n").search, Strings({"b.test"}));
  EXPECT_EQ(parse_resolv_conf("search\n").search, Strings()) << "said to be none";
}

TEST(ResolvConfText, NumbersAreBroughtIntoTheirBounds) {
  const auto large = parse_resolv_conf("options ndots:16 timeout:31 attempts:99999999999999999999\n");
  EXPECT_EQ(std::tie(large.ndots, large.timeout, large.attempts), std::tuple(15U, 30U, 5U));
  const auto small = parse_resolv_conf("options ndots:-1 timeout:0 attempts:-99999999999999999999\n");
  EXPECT_EQ(std::tie(small.ndots, small.timeout, small.attempts), std::tuple(0U, 1U, 1U));
  const auto none = parse_resolv_conf("options ndots: timeout:x attempts:3x\n");
  EXPECT_FALSE(none.ndots || none.timeout || none.attempts);
}

}  // namespace
}  // namespace tfunnel::core
