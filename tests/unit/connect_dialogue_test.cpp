// The requests to a proxy, and the effects of its answers.
#include "proxy/http/connect_dialogue.hpp"

#include <gtest/gtest.h>

#include "proxy/auth/auth_basic.hpp"
#include "proxy/auth/auth_digest.hpp"
#include "proxy/http/proxy_rest.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::Authenticator;
using proxy::ConnectDialogue;
using Next = ConnectDialogue::Next;
using core::Reason;
using proxy::connect_authority;

proxy::ResponseHead answer(unsigned status, const std::string& challenges = {}) {
  return {status, "Words", {}, proxy::parse_challenges(challenges)};
}

class ConnectDialogueTest : public testing::Test {
 protected:
  ConnectDialogue dialogue(const std::string& authority = "host:443") {
    ConnectDialogue made(authority, authenticator_);
    EXPECT_EQ(made.begin(), Next::again);
    return made;
  }
  ConnectDialogue anonymous() { return {"host:443", nobody_}; }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  Authenticator authenticator_{proxy::Credentials{"Aladdin", "open sesame"}};
  Authenticator nobody_{std::nullopt};
};

TEST(ConnectAuthority, NameThenAddressWithBracketsForIpv6) {
  EXPECT_EQ(connect_authority({{}, endpoint("192.0.2.1", 22), ""}), "192.0.2.1:22");
  EXPECT_EQ(connect_authority({{}, endpoint("2001:db8::1", 22), ""}), "[2001:db8::1]:22");
  EXPECT_EQ(connect_authority({{}, endpoint("192.0.2.1", 22), "www.example.com"}), "www.example.com:22");
}

TEST(ConnectAuthority, NameThatWouldSmuggleAHeaderIsNotSent) {
  for (const auto* name : {"a\r\nX-Evil: 1", "a b", "a:1"})
    EXPECT_EQ(connect_authority({{}, endpoint("192.0.2.1", 22), name}), "192.0.2.1:22");
}

TEST_F(ConnectDialogueTest, RequestNamesTheTargetTwiceAndSendsNoPasswordUnasked) {
  const auto text = dialogue().request();
  EXPECT_TRUE(text.starts_with("CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  EXPECT_FALSE(has(text, "Authorization"));
}

TEST_F(ConnectDialogueTest, AnySuccessEstablishes) {
  EXPECT_EQ(dialogue().on_response(answer(200)), Next::established);
  EXPECT_EQ(dialogue().on_response(answer(204)), Next::established);
}

TEST_F(ConnectDialogueTest, InterimResponsesAreSkippedButNotForEver) {
  auto talk = dialogue();
  EXPECT_EQ(talk.on_response(answer(100)), Next::wait);
  EXPECT_EQ(talk.on_response(answer(103)), Next::wait);
  int more = 0;
  while (talk.on_response(answer(100)) == Next::wait && more < 1000) ++more;
  EXPECT_LT(more, 1000);
  EXPECT_EQ(dialogue().on_response(answer(101)), Next::failed);
}

TEST_F(ConnectDialogueTest, BasicIsAnsweredOnceAndKnownFromThenOn) {
  auto talk = dialogue();
  talk.request();
  EXPECT_EQ(talk.on_response(answer(407, "Basic realm=x")), Next::again);
  EXPECT_TRUE(has(talk.request(), "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
  EXPECT_EQ(talk.on_response(answer(407, "Basic realm=x")), Next::failed);
  EXPECT_TRUE(
      has(talk.message(), "refused the credentials (407): check --proxy-user and the password; it offers Basic"));
  EXPECT_FALSE(has(talk.message(), "sesame"));
  EXPECT_EQ(talk.reason(), Reason::upstream_refused);
  auto next = dialogue();
  EXPECT_TRUE(has(next.request(), "Basic ")) << "the next flow saves a round trip";
  EXPECT_EQ(next.on_response(answer(407, "Basic realm=x")), Next::failed)
      << "the same answer again may lock the account";
}

TEST_F(ConnectDialogueTest, StrongestOfSeveralSchemesIsUsed) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto talk = dialogue();
  talk.request();
  talk.on_response(answer(407,
                          "Basic realm=x, NTLM, Digest nonce=a, algorithm=MD5, qop=auth, "
                          "Digest nonce=b, algorithm=SHA-256, qop=auth"));
  const auto text = talk.request();
  EXPECT_TRUE(has(text, "Digest ")) << text;
  EXPECT_TRUE(has(text, "algorithm=SHA-256")) << text;
}

TEST_F(ConnectDialogueTest, StaleNonceIsRenewedAndARefusedOneIsNot) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto talk = dialogue();
  talk.request();
  EXPECT_EQ(talk.on_response(answer(407, "Digest nonce=a, qop=auth")), Next::again);
  talk.request();
  EXPECT_EQ(talk.on_response(answer(407, "Digest nonce=b, qop=auth, stale=true")), Next::again);
  EXPECT_TRUE(has(talk.request(), "nonce=\"b\""));
  EXPECT_EQ(talk.on_response(answer(407, "Digest nonce=c, qop=auth")), Next::failed);
}

TEST_F(ConnectDialogueTest, OldNonceOfAForgetfulProxyGetsASecondChance) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto first = dialogue();
  first.request();
  first.on_response(answer(407, "Digest nonce=a, qop=auth"));
  first.request();
  EXPECT_EQ(first.on_response(answer(200)), Next::established);
  auto later = dialogue();
  EXPECT_TRUE(has(later.request(), "nc=00000002"));
  EXPECT_EQ(later.on_response(answer(407, "Digest nonce=b, qop=auth")), Next::again)
      << "restarted, and says no stale=true";
}

// A proxy calls a nonce stale whose uses come out of order, as they do from several connections: then each is asked
// anew at the same time, and again must not make the others' answers wrong.
TEST_F(ConnectDialogueTest, ParallelDialoguesAnswerWithTheNonceThatEachWasGiven) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto one = dialogue();
  auto other = dialogue();
  one.request();
  other.request();
  EXPECT_EQ(one.on_response(answer(407, "Digest nonce=a, qop=auth")), Next::again);
  EXPECT_EQ(other.on_response(answer(407, "Digest nonce=b, qop=auth")), Next::again);
  for (const auto& [talk, nonce] : {std::pair(&other, "nonce=\"b\""), std::pair(&one, "nonce=\"a\"")}) {
    const auto text = talk->request();
    EXPECT_TRUE(has(text, nonce)) << text;
    EXPECT_TRUE(has(text, "nc=00000001")) << text;
  }
}

TEST_F(ConnectDialogueTest, NonceIsSharedOnlyWhenItsFirstUseHasArrived) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto first = dialogue();
  first.request();
  first.on_response(answer(407, "Digest nonce=a, qop=auth"));
  first.request();
  EXPECT_FALSE(has(dialogue().request(), "Authorization")) << "it may overtake the first use";
  EXPECT_EQ(first.on_response(answer(200)), Next::established);
  EXPECT_TRUE(has(dialogue().request(), "nc=00000002"));
}

TEST_F(ConnectDialogueTest, ProxyThatIsNeverSatisfiedIsLeft) {
  if (!proxy::hex_digest(proxy::Hash::md5, "")) GTEST_SKIP() << "built without OpenSSL";
  auto talk = dialogue();
  int rounds = 0;
  for (auto next = Next::again; next == Next::again && rounds < 100; ++rounds) {
    talk.request();
    next = talk.on_response(answer(407, "Digest nonce=a, qop=auth, stale=true"));
  }
  EXPECT_LT(rounds, 10);
}

TEST_F(ConnectDialogueTest, MissingCredentialsSayWhatTheProxyOffers) {
  auto talk = anonymous();
  EXPECT_EQ(talk.on_response(answer(407, "Basic realm=x, Digest nonce=a")), Next::failed);
  EXPECT_TRUE(has(talk.message(), "Basic, Digest")) << talk.message();
  EXPECT_TRUE(has(talk.message(), "--proxy-user"));
}

TEST_F(ConnectDialogueTest, SchemesThatNobodySpeaksAreNamed) {
  auto talk = dialogue();
  EXPECT_EQ(talk.on_response(answer(407, "NTLM, Foo")), Next::failed);
  EXPECT_TRUE(has(talk.message(), "NTLM, Foo")) << talk.message();
}

TEST_F(ConnectDialogueTest, StatusBecomesAReason) {
  const auto reason = [&](unsigned status) {
    auto talk = dialogue();
    EXPECT_EQ(talk.on_response(answer(status)), Next::failed);
    EXPECT_TRUE(has(talk.message(), std::to_string(status)) && has(talk.message(), "Words")) << talk.message();
    return talk.reason();
  };
  for (const unsigned status : {301U, 400U, 403U, 404U, 405U, 429U, 500U})
    EXPECT_EQ(reason(status), Reason::upstream_refused) << status;
  EXPECT_EQ(reason(502), Reason::host_unreachable);
  EXPECT_EQ(reason(503), Reason::host_unreachable);
  EXPECT_EQ(reason(504), Reason::timed_out);
}

TEST_F(ConnectDialogueTest, ForbiddenNamesThePort) {
  auto talk = dialogue("host:22");
  talk.on_response(answer(403));
  EXPECT_EQ(talk.message(),
            "permits no port 22 (403), or not to this destination: Words; many proxies permit only port 443");
  auto usual = dialogue("[2001:db8::1]:443");
  usual.on_response(answer(403));
  EXPECT_EQ(usual.message(), "does not permit this destination (403): Words");
}

TEST_F(ConnectDialogueTest, UnauthorizedIsAWrongPasswordIfOneWasShown) {
  auto stranger = dialogue();
  stranger.on_response(answer(401));
  EXPECT_TRUE(has(stranger.message(), "is this an HTTP proxy?")) << stranger.message();
  auto talk = dialogue();
  EXPECT_EQ(talk.on_response(answer(407, "Basic realm=x")), Next::again);
  talk.request();
  EXPECT_EQ(talk.on_response(answer(401)), Next::failed);
  EXPECT_EQ(talk.message(), "refused the credentials (401): check --proxy-user and the password");
}

TEST(ProxyRest, DeadOneGoesLastAndComesBack) {
  proxy::ProxyRest rest(3);
  core::Time now{};
  const auto order = [&] { return rest.order(now); };
  EXPECT_EQ(order(), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(rest.failed(0, now), proxy::ProxyRest::first_rest);
  EXPECT_EQ(rest.failed(0, now), std::nullopt) << "one failure, though many flows see it";
  EXPECT_EQ(order(), (std::vector<std::size_t>{1, 2, 0}));
  now += std::chrono::seconds(1);
  EXPECT_EQ(order(), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(rest.failed(0, now), std::chrono::seconds(2)) << "backs off";
  EXPECT_TRUE(rest.succeeded(0));
  EXPECT_FALSE(rest.succeeded(0));
}

TEST(ProxyRest, BackOffIsBounded) {
  proxy::ProxyRest rest(1);
  core::Time now{};
  for (int i = 0; i < 20; ++i) {
    const auto time = rest.failed(0, now).value();
    EXPECT_LE(time, proxy::ProxyRest::longest_rest);
    now += time;
  }
  EXPECT_EQ(rest.order(now).size(), 1U) << "a single proxy is tried however often it failed";
}

}  // namespace
}  // namespace tfunnel::test
