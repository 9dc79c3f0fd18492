// Proxy-Authenticate fields as proxies write them, well or badly.
#include "proxy/auth/auth_challenge.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::Challenge;
using proxy::parse_challenges;

TEST(AuthChallenge, OneWithParameters) {
  const auto found =
      parse_challenges(R"(Digest realm="a, \"b\"", nonce="n=", algorithm=MD5, qop="auth,auth-int", stale=TRUE)");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].scheme, "digest");
  EXPECT_EQ(found[0].parameter("realm"), "a, \"b\"");
  EXPECT_EQ(found[0].parameter("nonce"), "n=");
  EXPECT_EQ(found[0].parameter("algorithm"), "MD5");
  EXPECT_EQ(found[0].parameter("qop"), "auth,auth-int");
  EXPECT_EQ(found[0].parameter("stale"), "TRUE");
  EXPECT_EQ(found[0].parameter("opaque"), "");
}

TEST(AuthChallenge, SeveralInOneField) {
  const auto found = parse_challenges(R"(Negotiate, NTLM,Basic realm="x" , Digest nonce=abc,realm=y)");
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].scheme, "negotiate");
  EXPECT_EQ(found[1].scheme, "ntlm");
  EXPECT_EQ(found[2].parameter("realm"), "x");
  EXPECT_EQ(found[3].parameter("realm"), "y");
  EXPECT_EQ(proxy::scheme_names(found), "Negotiate, NTLM, Basic, Digest");
}

TEST(AuthChallenge, TokenIsNotAParameter) {
  const auto found = parse_challenges(R"(Negotiate YII/+a==, Basic realm="x")");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].token, "YII/+a==");
  EXPECT_TRUE(found[0].parameters.empty());
}

TEST(AuthChallenge, SpacesAroundTheEqualsSign) {
  EXPECT_EQ(parse_challenges("Basic realm = \"x\"").at(0).parameter("realm"), "x");
}

TEST(AuthChallenge, NonsenseEndsAndHarmsNothing) {
  for (const auto* text :
       {"", ",,,", "\"", "=", "a=\"", "Basic realm=\"unfinished", "Digest ===, @@@ ;", "Basic realm=\"x\\"}) {
    EXPECT_LE(parse_challenges(text).size(), 2U) << text;
  }
  EXPECT_EQ(parse_challenges("@@, Basic realm=x").back().scheme, "basic");
}

}  // namespace
}  // namespace tfunnel::test
