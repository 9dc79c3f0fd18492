// The far end's greeting is found behind any noise, in any pieces.
#include "common/core/greeting.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::GreetingSearch;

Bytes greeting_bytes(std::uint16_t version = core::protocol_version) {
  const auto greeting = core::greeting(version);
  return {greeting.begin(), greeting.end()};
}

Bytes hello_bytes(wire::Role role) {
  wire::Frame frame;
  frame.mutable_hello()->set_software("test");
  frame.mutable_hello()->set_role(role);
  Bytes bytes;
  core::append_frame(bytes, frame);
  return bytes;
}

/// Feeds `bytes` in pieces of `piece` bytes until there is a verdict; returns how many were taken.
std::size_t feed(GreetingSearch& search, const Bytes& bytes, std::size_t piece = SIZE_MAX) {
  std::size_t taken = 0;
  while (taken < bytes.size() && search.verdict() == GreetingSearch::Verdict::searching) {
    const auto rest = core::ByteView(bytes).subspan(taken);
    taken += search.feed(rest.first(std::min(piece, rest.size())));
  }
  return taken;
}

void expect_found_behind(const Bytes& noise, std::size_t piece = SIZE_MAX) {
  GreetingSearch search;
  EXPECT_EQ(feed(search, noise + greeting_bytes() + bytes_of("frames"), piece), noise.size() + 16);
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::found);
  EXPECT_EQ(bytes_of(search.noise()), noise);
  EXPECT_EQ(search.version(), core::protocol_version);
}

TEST(Greeting, IsFoundAtOnceAndWhatFollowsIsLeftAlone) { expect_found_behind({}); }

TEST(Greeting, LoginBannerBeforeItIsSkippedAndKept) {
  expect_found_behind(bytes_of("Welcome to Debian\r\nLast login: today\r\n"));
}

TEST(Greeting, SplitAtEveryByteIsFoundTheSame) {
  const auto noise = bytes_of("motd\n");
  for (std::size_t piece = 1; piece < 24; ++piece) expect_found_behind(noise, piece);
}

TEST(Greeting, FalseStartsBeforeItDoNotHideIt) {
  for (std::size_t n = 1; n < 14; ++n) {
    const auto all = greeting_bytes();
    const Bytes start(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
    expect_found_behind(start);
    expect_found_behind(start + start + bytes_of("x") + start, 1);
  }
}

TEST(Greeting, BinaryNoiseIsSkipped) {
  Random random(3);
  for (int i = 0; i < 200; ++i) expect_found_behind(random.bytes(random.below(300)), 1 + random.below(40));
}

TEST(Greeting, OtherVersionIsReported) {
  GreetingSearch search;
  feed(search, greeting_bytes(0x1234), 1);
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::found);
  EXPECT_EQ(search.version(), 0x1234);
}

TEST(Greeting, SixtyFourKiBOfNoiseAreStillAccepted) {
  expect_found_behind(Bytes(core::max_noise - 1, 'n'));
  expect_found_behind(Bytes(core::max_noise, 'n'));
}

TEST(Greeting, MoreNoiseEndsTheSearchWithBoundedMemory) {
  for (const auto& noise : {Bytes(2 * core::max_noise, 'n'), Bytes(2 * core::max_noise, 0)}) {
    GreetingSearch search;
    const auto taken = feed(search, noise, 1000);
    EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::not_found);
    EXPECT_LE(search.noise().size(), core::max_noise + 16);
    EXPECT_LE(taken, core::max_noise + 16);
  }
}

TEST(Greeting, UnfinishedSearchCanBeDestroyed) {
  for (std::size_t n = 0; n < 16; ++n) {
    GreetingSearch search;
    search.feed(core::ByteView(greeting_bytes()).first(n));
    EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::searching);
  }
}

TEST(Greeting, TranslatedLineEndsAreNoGreeting) {
  auto bytes = greeting_bytes();
  bytes[8] = '\n';  // CR became LF on the way
  GreetingSearch search;
  feed(search, bytes);
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::searching);
}

TEST(Greeting, SearchGoesOnBehindOneThatWasNotTheFarEnds) {
  const auto echo = greeting_bytes();
  const auto cut = bytes_of("cut short");
  GreetingSearch search;
  EXPECT_EQ(feed(search, echo, 1), echo.size());
  search.go_on();
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::searching);
  EXPECT_EQ(feed(search, cut + greeting_bytes() + bytes_of("frames"), 3), cut.size() + echo.size());
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::found);
  EXPECT_EQ(bytes_of(search.noise()), echo + cut);
}

TEST(Greeting, EndlessEchoEndsTheSearchWithBoundedMemory) {
  GreetingSearch search;
  for (std::size_t n = 0; n < 2 * core::max_noise && search.verdict() != GreetingSearch::Verdict::not_found; n += 16) {
    feed(search, greeting_bytes());
    if (search.verdict() == GreetingSearch::Verdict::found) search.go_on();
  }
  EXPECT_EQ(search.verdict(), GreetingSearch::Verdict::not_found);
  EXPECT_LE(search.noise().size(), core::max_noise + 32);
}

TEST(Greeting, OnlyTheOtherRolesHelloBehindItIsTheFarEnds) {
  using core::Greeter;
  const auto ours = hello_bytes(wire::ROLE_CLIENT);
  const auto theirs = hello_bytes(wire::ROLE_PROXY);
  EXPECT_EQ(core::greeter(theirs + bytes_of("more"), wire::ROLE_CLIENT), Greeter::far_end);
  EXPECT_EQ(core::greeter(ours + bytes_of("more"), wire::ROLE_CLIENT), Greeter::ourselves);
  for (std::size_t n = 0; n < theirs.size(); ++n) {
    EXPECT_EQ(core::greeter(core::ByteView(theirs).first(n), wire::ROLE_CLIENT), Greeter::unknown_yet) << n;
  }
  EXPECT_EQ(core::greeter(Bytes(64, 0xff), wire::ROLE_CLIENT), Greeter::nobody);
  EXPECT_EQ(core::greeter(Bytes(64, 0), wire::ROLE_CLIENT), Greeter::nobody);
}

TEST(Greeting, EchoThatTheFarEndsGreetingCutsShortIsNoFarEnd) {
  const auto ours = hello_bytes(wire::ROLE_CLIENT);
  const auto theirs = greeting_bytes() + hello_bytes(wire::ROLE_PROXY) + Bytes(ours.size(), 0);
  for (std::size_t n = 0; n < ours.size(); ++n) {
    const Bytes cut(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(n));
    const auto who = core::greeter(cut + theirs, wire::ROLE_CLIENT);
    EXPECT_TRUE(who == core::Greeter::nobody || who == core::Greeter::ourselves) << n;
  }
}

TEST(Printable, LogLinesStayOneLineOfAscii) {
  EXPECT_EQ(core::printable("a\r\n\x01\xff\\b"), "a\\r\\n\\x01\\xff\\x5cb");
  EXPECT_EQ(core::printable("abcdef", 3), "abc...");
  EXPECT_EQ(core::printable("abc", 3), "abc");
}

}  // namespace
}  // namespace tfunnel::test
