// The SOCKS5 handshake byte by byte: what is said, how little is read, and what every answer means.
#include <gtest/gtest.h>

#include "proxy/socks5/socks5_address.hpp"
#include "proxy/socks5/socks5_handshake.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Reason;
using proxy::Socks5Command;
using proxy::Socks5Credentials;
using proxy::Socks5Error;
using proxy::Socks5Handshake;
using namespace std::string_literals;

const Socks5Credentials alice{"alice", "secret"};

/// A handshake that is answered with `answers`, `piece` bytes at a time.
struct Conversation {
  explicit Conversation(Socks5Handshake& handshake, const std::string& answers, std::size_t piece = SIZE_MAX) {
    const auto bytes = bytes_of(answers);
    while (handshake.running()) {
      said += handshake.to_send();
      const auto wanted_at_first = handshake.wanted();
      for (std::size_t fed = 0; fed < wanted_at_first;) {
        const auto rest = core::ByteView(bytes).subspan(used);
        if (rest.empty()) return;
        const auto now = handshake.feed(rest.first(std::min(piece, rest.size())));
        used += now;
        fed += now;
      }
    }
  }
  std::string said;
  std::size_t used = 0;
};

proxy::Socks5Address to(const std::string& address, std::uint16_t port, const std::string& name = {}) {
  return {endpoint(address, port), name};
}

const auto bound = "\5\0\0\1\xc0\0\2\7\x1f\x90"s;  // 192.0.2.7:8080

TEST(Socks5, WithoutCredentialsOnlyNoAuthenticationIsOffered) {
  Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), {});
  const Conversation talk(handshake, "\5\0"s + bound);
  EXPECT_EQ(talk.said, "\5\1\0"s + "\5\1\0\1\xc0\0\2\1\0\x50"s);
  EXPECT_EQ(handshake.outcome()->endpoint, endpoint("192.0.2.7", 8080));
}

TEST(Socks5, CredentialsAreGivenOnlyIfTheProxyAsks) {
  Socks5Handshake asked(Socks5Command::connect, to("2001:db8::1", 443), alice);
  const auto request = "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb"s;
  EXPECT_EQ(Conversation(asked, "\5\2\1\0"s + bound).said, "\5\2\0\2\1\5alice\6secret"s + request);
  EXPECT_TRUE(asked.outcome());
  Socks5Handshake unasked(Socks5Command::connect, to("2001:db8::1", 443), alice);
  EXPECT_EQ(Conversation(unasked, "\5\0"s + bound).said, "\5\2\0\2"s + request);
  EXPECT_TRUE(unasked.outcome());
}

TEST(Socks5, NameIsSentInPlaceOfTheAddress) {
  Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80, "example.org"), {});
  EXPECT_EQ(Conversation(handshake, "\5\0"s + bound).said, "\5\1\0\5\1\0\3\x0b"s + "example.org\0\x50"s);
}

TEST(Socks5, TooLongANameIsAnErrorAndNotACutOne) {
  Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80, std::string(256, 'x')), {});
  EXPECT_FALSE(handshake.running());
  EXPECT_EQ(handshake.outcome().error(), Socks5Error::name_too_long);
}

TEST(Socks5, UdpAssociateIsTheOtherCommand) {
  Socks5Handshake handshake(Socks5Command::udp_associate, to("0.0.0.0", 0), {});
  EXPECT_EQ(Conversation(handshake, "\5\0"s + bound).said, "\5\1\0\5\3\0\1\0\0\0\0\0\0"s);
}

TEST(Socks5, NotOneByteOfThePayloadIsTaken) {
  for (const auto& reply :
       {bound, "\5\0\0\4"s + std::string(16, 'a') + "\0\1"s, "\5\0\0\3\4host\0\1"s, "\5\0\0\3\0\0\1"s}) {
    for (std::size_t piece = 1; piece < 30; ++piece) {
      Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), alice);
      const auto answers = "\5\2\1\0"s + reply;
      EXPECT_EQ(Conversation(handshake, answers + "payload", piece).used, answers.size());
      EXPECT_TRUE(handshake.outcome());
    }
  }
}

TEST(Socks5, EveryReplyCodeHasItsReason) {
  const std::array<Reason, 10> reasons{Reason::upstream_refused,    Reason::upstream_refused, Reason::denied,
                                       Reason::network_unreachable, Reason::host_unreachable, Reason::refused,
                                       Reason::host_unreachable,    Reason::upstream_refused, Reason::upstream_refused,
                                       Reason::upstream_refused};
  for (std::size_t code = 1; code < reasons.size(); ++code) {
    Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), {});
    // A refusal is understood even if its address never comes.
    Conversation(handshake, "\5\0\5"s + static_cast<char>(code) + "\0\1"s);
    ASSERT_FALSE(handshake.running()) << code;
    const auto error = handshake.outcome().error();
    EXPECT_EQ(proxy::reason_of(static_cast<Socks5Error>(error.value())), reasons[code]) << code;
    EXPECT_NE(error.message(), "unknown error");
  }
}

TEST(Socks5, WhatIsNoSocks5IsNamed) {
  const std::vector<std::pair<std::string, Socks5Error>> answers{
      {"HTTP/1.1 400", Socks5Error::speaks_http},         {"\5\xff"s, Socks5Error::no_acceptable_method},
      {"\5\1"s, Socks5Error::no_acceptable_method},       {"\5\2\1\1"s, Socks5Error::credentials_rejected},
      {"\5\0\4\0\0\1"s, Socks5Error::not_socks5},         {"\5\0\5\0\0\2"s, Socks5Error::malformed_reply},
      {"\5\0\5\x2a\0\1"s, static_cast<Socks5Error>(0x2a)}};
  for (const auto& [answer, error] : answers) {
    Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), alice);
    Conversation(handshake, answer);
    ASSERT_FALSE(handshake.running()) << bytes_of(answer).size();
    EXPECT_EQ(handshake.outcome().error(), error);
  }
}

TEST(Socks5, CredentialsThatWereNotOfferedAreNotAsked) {
  Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), {});
  Conversation(handshake, "\5\2"s);
  EXPECT_EQ(handshake.outcome().error(), Socks5Error::no_acceptable_method);
}

TEST(Socks5, UnfinishedHandshakeCanBeDestroyedAnywhere) {
  const auto answers = "\5\2\1\0"s + bound;
  for (std::size_t n = 0; n < answers.size(); ++n) {
    Socks5Handshake handshake(Socks5Command::connect, to("192.0.2.1", 80), alice);
    Conversation(handshake, answers.substr(0, n));
    EXPECT_TRUE(handshake.running());
  }
}

Bytes framed(const core::Endpoint& peer, const Bytes& payload) {
  return bytes_of(proxy::socks5_datagram_header(peer)) + payload;
}

TEST(Socks5Datagram, GoesThereAndBackInBothFamilies) {
  for (const auto* address : {"192.0.2.1", "2001:db8::1"}) {
    for (const std::size_t size : {0U, 1U, 1400U}) {
      const auto bytes = framed(endpoint(address, 53), pattern(size));
      const auto parsed = proxy::socks5_parse_datagram(bytes);
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->peer, endpoint(address, 53));
      EXPECT_EQ(Bytes(parsed->payload.begin(), parsed->payload.end()), pattern(size));
    }
  }
}

TEST(Socks5Datagram, FragmentsAreRefused) {
  auto bytes = framed(endpoint("192.0.2.1", 53), pattern(5));
  for (const int fragment : {1, 0x80, 0xff}) {
    bytes[2] = static_cast<std::uint8_t>(fragment);
    EXPECT_FALSE(proxy::socks5_parse_datagram(bytes)) << fragment;
  }
}

TEST(Socks5Datagram, CutOffHeadersAndNamesAreRefused) {
  for (const auto* address : {"192.0.2.1", "2001:db8::1"}) {
    const auto bytes = framed(endpoint(address, 53), {});
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      EXPECT_FALSE(proxy::socks5_parse_datagram(core::ByteView(bytes).first(n))) << n;
    }
  }
  EXPECT_FALSE(proxy::socks5_parse_datagram(bytes_of("\0\0\0\3\4host\0\x35x"s)));
  EXPECT_FALSE(proxy::socks5_parse_datagram(bytes_of("\0\0\0\2\4host\0\x35x"s)));
}

}  // namespace
}  // namespace tfunnel::test
