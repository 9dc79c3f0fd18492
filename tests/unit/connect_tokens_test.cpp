// Negotiate and NTLM in the dialogue with a proxy: which scheme is used, how tokens travel, what comes after a failure.
#include <gtest/gtest.h>

#include "proxy/auth/base64.hpp"
#include "proxy/auth/digest_hash.hpp"
#include "proxy/http/connect_dialogue.hpp"
#include "tests/unit/support/bytes.hpp"
#include "tests/unit/support/fake_contexts.hpp"

namespace tfunnel::test {
namespace {

using proxy::Authenticator;
using proxy::ConnectDialogue;
using proxy::Mechanism;
using Next = ConnectDialogue::Next;
using Connection = ConnectDialogue::Connection;

proxy::ResponseHead asks(const std::string& challenges) {
  return {407, "Words", {}, proxy::parse_challenges(challenges)};
}

class ConnectTokensTest : public testing::Test {
 protected:
  ConnectTokensTest() {
    contexts_.script(Mechanism::spnego, {{"ticket", ""}});
    contexts_.script(Mechanism::ntlm, {{"hello", ""}, {"proof", ""}});
  }

  /// As the egress does: steps are taken at once.
  Next settled(Next next) {
    while (next == Next::step) next = talk_->on_step(talk_->context()->step(talk_->received()));
    return next;
  }
  void begin(Authenticator& authenticator) {
    talk_.emplace("host:443", authenticator);
    EXPECT_EQ(settled(talk_->begin()), Next::again);
  }
  Next on(const std::string& challenges) { return settled(talk_->on_response(asks(challenges))); }
  /// Of the next request: "Negotiate dGlja2V0".
  std::string sent() {
    const auto text = talk_->request();
    const std::string field = "Proxy-Authorization: ";
    const auto at = text.find(field);
    return at == std::string::npos ? "" : text.substr(at + field.size(), text.find('\r', at) - at - field.size());
  }
  std::string scheme_sent() {
    const auto text = sent();
    return text.substr(0, text.find(' '));
  }

  FakeContexts contexts_;
  Authenticator with_password_{proxy::Credentials{"Aladdin", "open sesame"}, "proxy.corp", contexts_.maker()};
  Authenticator without_{std::nullopt, "proxy.corp", contexts_.maker()};
  std::optional<ConnectDialogue> talk_;
};

TEST_F(ConnectTokensTest, NegotiateNeedsNoPasswordAndComesFirst) {
  begin(without_);
  EXPECT_EQ(sent(), "") << "not asked yet";
  EXPECT_EQ(on("Basic realm=x, NTLM, Digest nonce=a, Negotiate"), Next::again);
  EXPECT_EQ(sent(), "Negotiate " + proxy::base64_encoded("ticket"));
  EXPECT_EQ(contexts_.host(), "proxy.corp");
  EXPECT_EQ(talk_->on_response({200, "OK", {}, {}}), Next::established);
}

TEST_F(ConnectTokensTest, LaterFlowsSendATokenOfTheirOwnAtOnce) {
  begin(without_);
  sent();
  on("Negotiate");
  begin(without_);
  EXPECT_EQ(scheme_sent(), "Negotiate");
  EXPECT_EQ(contexts_.received().size(), 2U) << "a token is good for one connection";
}

TEST_F(ConnectTokensTest, OrderOfSchemesIsDigestThenNtlmThenBasic) {
  contexts_.script(Mechanism::spnego, {{"", "no ticket"}});
  if (proxy::hex_digest(proxy::Hash::md5, "")) {
    begin(with_password_);
    on("Negotiate, NTLM, Basic realm=x, Digest nonce=a");
    EXPECT_EQ(scheme_sent(), "Digest");
  }
  Authenticator other(proxy::Credentials{"u", "p"}, "proxy.corp", contexts_.maker());
  begin(other);
  on("Basic realm=x, Negotiate, NTLM");
  EXPECT_EQ(scheme_sent(), "NTLM");
  contexts_.script(Mechanism::ntlm, {{"", "no mechanism"}});
  Authenticator third(proxy::Credentials{"u", "p"}, "proxy.corp", contexts_.maker());
  begin(third);
  on("Basic realm=x, Negotiate, NTLM");
  EXPECT_EQ(scheme_sent(), "Basic");
}

TEST_F(ConnectTokensTest, SecondLegAnswersTheProxysTokenOnTheSameConnection) {
  begin(with_password_);
  sent();
  EXPECT_EQ(on("NTLM"), Next::again);
  EXPECT_EQ(talk_->connection(), Connection::any);
  EXPECT_EQ(sent(), "NTLM " + proxy::base64_encoded("hello"));
  EXPECT_EQ(on("NTLM " + proxy::base64_encoded("nonce")), Next::again);
  EXPECT_EQ(talk_->connection(), Connection::same);
  EXPECT_EQ(sent(), "NTLM " + proxy::base64_encoded("proof"));
  EXPECT_EQ(contexts_.received(), (std::vector<std::string>{"", "nonce"}));
}

TEST_F(ConnectTokensTest, RefusedTokenGivesWayToTheNextSchemeOnAFreshConnection) {
  begin(with_password_);
  sent();
  on("Negotiate, Basic realm=x");
  EXPECT_EQ(scheme_sent(), "Negotiate");
  EXPECT_EQ(on("Negotiate, Basic realm=x"), Next::again);
  EXPECT_EQ(talk_->connection(), Connection::fresh);
  EXPECT_EQ(scheme_sent(), "Basic");
  EXPECT_EQ(talk_->connection(), Connection::any);
  begin(with_password_);
  EXPECT_EQ(scheme_sent(), "Basic") << "the next flow knows";
}

TEST_F(ConnectTokensTest, RefusedTokenWithNothingElseOfferedIsSaid) {
  begin(without_);
  sent();
  on("Negotiate");
  sent();
  EXPECT_EQ(on("Negotiate"), Next::failed);
  EXPECT_EQ(talk_->message(), "refused the credentials (407); it offers Negotiate");
}

TEST_F(ConnectTokensTest, FailureOfAKnownSchemeBeforeTheFirstRequestAsksWhatElseThereIs) {
  begin(with_password_);
  sent();
  on("Negotiate, Basic realm=x");
  contexts_.script(Mechanism::spnego, {{"", "the ticket has expired"}});
  begin(with_password_);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(on("Negotiate, Basic realm=x"), Next::again);
  EXPECT_EQ(scheme_sent(), "Basic");
}

TEST_F(ConnectTokensTest, MissingTicketIsSaidWithWhatToDo) {
  contexts_.script(Mechanism::spnego, {{"", "there is no Kerberos ticket: run kinit"}});
  begin(without_);
  sent();
  EXPECT_EQ(on("Negotiate"), Next::failed);
  EXPECT_EQ(talk_->message(),
            "wants authentication (407, offers Negotiate); Negotiate: there is no Kerberos ticket: run kinit");
  EXPECT_EQ(talk_->reason(), core::Reason::upstream_refused);
}

TEST_F(ConnectTokensTest, MissingTicketAndMissingPasswordAreBothSaid) {
  contexts_.script(Mechanism::spnego, {{"", "no ticket: run kinit"}});
  begin(without_);
  sent();
  EXPECT_EQ(on("Negotiate, Basic realm=x"), Next::failed);
  EXPECT_TRUE(has(talk_->message(), "give --proxy-user")) << talk_->message();
  EXPECT_TRUE(has(talk_->message(), "Negotiate: no ticket: run kinit")) << talk_->message();
}

TEST_F(ConnectTokensTest, GarbageForATokenEndsInOneLine) {
  for (const auto* garbage : {"abc", "ab=", "a-b_"}) {
    begin(without_);
    if (sent().empty()) {
      on("Negotiate");
      sent();
    }
    EXPECT_EQ(on(std::string("Negotiate ") + garbage), Next::failed) << garbage;
    EXPECT_TRUE(has(talk_->message(), "Negotiate: the proxy's token is not Base64")) << talk_->message();
  }
}

TEST_F(ConnectTokensTest, TokenThatTheMechanismDoesNotLikeEndsInOnePrintableLine) {
  contexts_.script(Mechanism::spnego, {{"ticket", ""}, {"", "no good\r\n\x1b[2J"}});
  begin(without_);
  sent();
  on("Negotiate");
  sent();
  EXPECT_EQ(on("Negotiate AAAA"), Next::failed);
  EXPECT_TRUE(has(talk_->message(), "Negotiate: no good")) << talk_->message();
  EXPECT_EQ(talk_->message().find_first_of("\r\n\x1b"), std::string::npos);
}

TEST_F(ConnectTokensTest, ProxyThatAsksForMoreAndMoreIsLeft) {
  contexts_.script(Mechanism::spnego, std::deque<FakeContexts::Step>(100, {"more", ""}));
  begin(without_);
  int rounds = 0;
  for (auto next = Next::again; next == Next::again && rounds < 100; ++rounds) {
    sent();
    next = on("Negotiate AAAA");
  }
  EXPECT_LT(rounds, 10);
}

TEST_F(ConnectTokensTest, MechanismWithNothingMoreToSayEnds) {
  contexts_.script(Mechanism::spnego, {{"ticket", ""}, {"", ""}});
  begin(without_);
  sent();
  on("Negotiate");
  sent();
  EXPECT_EQ(on("Negotiate AAAA"), Next::failed);
}

TEST_F(ConnectTokensTest, WithoutContextsNeitherSchemeIsSpoken) {
  Authenticator plain(proxy::Credentials{"u", "p"});
  begin(plain);
  sent();
  EXPECT_EQ(on("Negotiate, NTLM"), Next::failed);
  EXPECT_TRUE(has(talk_->message(), "not supported here (407, offers Negotiate, NTLM)")) << talk_->message();
}

}  // namespace
}  // namespace tfunnel::test
