// The proposal for a mistyped word: the word that was meant, or nothing rather than nonsense.
#include "common/core/nearest.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

const std::vector<std::string> known{"linger", "link-wait", "links", "log-format", "log-level", "port", "via"};

TEST(Nearest, OneSlipOfEachKindIsSeenThrough) {
  EXPECT_EQ(core::nearest("log-evel", known), "log-level");    // left out
  EXPECT_EQ(core::nearest("log-llevel", known), "log-level");  // added
  EXPECT_EQ(core::nearest("log-lebel", known), "log-level");   // changed
  EXPECT_EQ(core::nearest("log-leevl", known), "log-level");   // swapped
}

TEST(Nearest, TheNearerOfTwoIsProposed) { EXPECT_EQ(core::nearest("lings", known), "links"); }

TEST(Nearest, WhatIsFarFromAllHasNoProposal) {
  EXPECT_EQ(core::nearest("password", known), std::nullopt);
  EXPECT_EQ(core::nearest("x", known), std::nullopt);
  EXPECT_EQ(core::nearest("", known), std::nullopt);
}

TEST(Nearest, AWordOfAnyLengthIsAnsweredAtOnce) {
  EXPECT_EQ(core::nearest(std::string(1 << 20, 'a'), known), std::nullopt);
}

TEST(Nearest, NothingIsNearNothing) { EXPECT_EQ(core::nearest("links", {}), std::nullopt); }

}  // namespace
}  // namespace tfunnel::test
