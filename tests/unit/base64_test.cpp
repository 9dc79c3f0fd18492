// RFC 4648, 10.
#include "proxy/auth/base64.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

TEST(Base64, ExamplesOfTheRfcBothWays) {
  for (const auto& [plain, text] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(proxy::base64_encoded(plain), text);
    EXPECT_EQ(proxy::base64_decoded(text), plain);
  }
}

TEST(Base64, WhatIsNotBase64FromEndToEndIsDeclined) {
  for (const auto* text : {"Z", "Zg", "Zg=", "====", "Z===", "Zg==Zg==", "Zg-_", "Zm9v!mFy", "Zm 9"})
    EXPECT_EQ(proxy::base64_decoded(text), std::nullopt) << text;
}

}  // namespace
}  // namespace tfunnel::test
