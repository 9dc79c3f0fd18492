// Digest answers against the examples of RFC 7616, 3.9. Its SHA-512-256 example is wrong (erratum 4897): there, and
// where it has none, the expected values are its formulas worked out with Python's hashlib.
#include "proxy/auth/auth_digest.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::Challenge;
using proxy::DigestAuth;

constexpr auto nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
constexpr auto cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

Challenge challenge(const std::string& parameters) { return proxy::parse_challenges("Digest " + parameters).at(0); }

std::string rfc_challenge(const std::string& more) {
  return "realm=\"http-auth@example.org\", nonce=\"" + std::string(nonce) + "\", opaque=\"FQhe/qaU925kfnzjCev0ciny\"" +
         more;
}

class DigestAuthTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  }
  std::string answer(const std::string& parameters) {
    return auth_.answer(challenge(parameters), {"GET", "/dir/index.html"});
  }
  static Challenge fields(const std::string& authorization) { return proxy::parse_challenges(authorization).at(0); }

  DigestAuth auth_{{"Mufasa", "Circle of Life"}, [] { return std::string(cnonce); }};
};

TEST_F(DigestAuthTest, Md5OfTheRfc) {
  const auto sent = fields(answer(rfc_challenge(", qop=\"auth, auth-int\", algorithm=MD5")));
  EXPECT_EQ(sent.parameter("response"), "8ca523f5e9506fed4657c9700eebdbec");
  EXPECT_EQ(sent.parameter("username"), "Mufasa");
  EXPECT_EQ(sent.parameter("uri"), "/dir/index.html");
  EXPECT_EQ(sent.parameter("nc"), "00000001");
  EXPECT_EQ(sent.parameter("cnonce"), cnonce);
  EXPECT_EQ(sent.parameter("qop"), "auth");
  EXPECT_EQ(sent.parameter("opaque"), "FQhe/qaU925kfnzjCev0ciny");
}

TEST_F(DigestAuthTest, Sha256OfTheRfc) {
  const auto sent = fields(answer(rfc_challenge(", qop=\"auth, auth-int\", algorithm=SHA-256")));
  EXPECT_EQ(sent.parameter("response"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_F(DigestAuthTest, Sha512WithHiddenUserName) {
  DigestAuth auth({"J\xc3\xa4s\xc3\xb8n Doe", "Secret, or not?"}, [] { return "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm"; });
  const auto sent = fields(
      auth.answer(challenge("realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, "
                            "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", charset=UTF-8, userhash=true"),
                  {"GET", "/doe.json"}));
  EXPECT_EQ(sent.parameter("username"), "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
  EXPECT_EQ(sent.parameter("response"), "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c");
  EXPECT_EQ(sent.parameter("userhash"), "true");
}

TEST_F(DigestAuthTest, Md5Session) {
  const auto sent = fields(answer(rfc_challenge(", qop=auth, algorithm=MD5-sess")));
  EXPECT_EQ(sent.parameter("response"), "e783283f46242139c486a698fec7211d");
}

TEST_F(DigestAuthTest, WithoutQopAsInRfc2069) {
  const auto sent = fields(answer(rfc_challenge("")));
  EXPECT_EQ(sent.parameter("response"), "7b2cc3b30e75b4777ea31027084363fd");
  EXPECT_EQ(sent.parameter("nc"), "");
}

TEST_F(DigestAuthTest, ReusedNonceCounts) {
  EXPECT_FALSE(auth_.can_go_on());
  auth_.adopt(challenge(rfc_challenge(", qop=auth")));
  EXPECT_EQ(fields(auth_.authorization({"GET", "/"})).parameter("nc"), "00000002");
  EXPECT_EQ(fields(auth_.authorization({"GET", "/"})).parameter("nc"), "00000003");
  EXPECT_EQ(fields(answer(rfc_challenge(", qop=auth"))).parameter("nc"), "00000001");
}

TEST_F(DigestAuthTest, StrongerHashWins) {
  const auto md5 = auth_.strength(challenge("nonce=a, algorithm=md5"));
  EXPECT_GT(md5, 0);
  EXPECT_GT(auth_.strength(challenge("nonce=a, algorithm=SHA-256")), md5);
}

TEST_F(DigestAuthTest, WhatCannotBeAnsweredIsDeclined) {
  EXPECT_EQ(auth_.strength(challenge("nonce=a, qop=auth-int")), 0);
  EXPECT_EQ(auth_.strength(challenge("nonce=a, algorithm=SHA-3")), 0);
  EXPECT_EQ(auth_.strength(challenge("realm=a")), 0) << "no nonce";
  EXPECT_EQ(auth_.strength(proxy::parse_challenges("Basic realm=a").at(0)), 0);
}

TEST_F(DigestAuthTest, NothingEndsTheHeaderLineOrTheQuotes) {
  DigestAuth auth({"a\"b\\c\r\nX: y", "p"}, [] { return "c"; });
  const auto text = auth.answer(challenge("nonce=a, realm=\"r\\\"s\""), {"CONNECT", "h:1"});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(fields(text).parameter("username"), "a\"b\\cX: y");
  EXPECT_EQ(fields(text).parameter("realm"), "r\"s");
}

}  // namespace
}  // namespace tfunnel::test
