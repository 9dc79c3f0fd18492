// The far end's nameservers are asked as long and as often as its resolv.conf says.
#include "proxy/dns/resolv_options.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::parse_resolv_options;
using proxy::ResolvOptions;
using std::chrono::seconds;

TEST(ResolvOptions, WithoutOptionsTheyAreTheCLibrarys) {
  for (const auto* text : {"", "nameserver 192.0.2.1\n", "# options timeout:1\n", "; options rotate\n",
                           "optionsrotate\n", " options rotate\n", "options\n"}) {
    EXPECT_EQ(parse_resolv_options(text), (ResolvOptions{seconds(5), 2, false})) << text;
  }
}

TEST(ResolvOptions, LaterWordCountsAcrossLines) {
  const auto options =
      parse_resolv_options("options timeout:1 attempts:4\nnameserver 192.0.2.1\noptions\ttimeout:7 rotate");
  EXPECT_EQ(options, (ResolvOptions{seconds(7), 4, true}));
}

TEST(ResolvOptions, ValuesAreLimitedAndNeverNone) {
  EXPECT_EQ(parse_resolv_options("options timeout:0 attempts:0"), (ResolvOptions{seconds(1), 1, false}));
  EXPECT_EQ(parse_resolv_options("options timeout:31 attempts:6"), (ResolvOptions{seconds(30), 5, false}));
  EXPECT_EQ(parse_resolv_options("options timeout:99999999999 attempts:-3"), (ResolvOptions{seconds(30), 1, false}));
}

TEST(ResolvOptions, NonsenseChangesNothing) {
  EXPECT_EQ(parse_resolv_options("options timeout: attempts:x2 timeout:3x rotated ndots:1 edns0"), ResolvOptions());
}

}  // namespace
}  // namespace tfunnel::test
