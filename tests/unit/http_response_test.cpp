// Response heads: not one byte behind them may be taken, and none that is huge or broken be believed.
#include "proxy/http/http_response.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using proxy::HttpResponse;

constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";

std::size_t taken(HttpResponse& response, std::string_view bytes) {
  const auto used = response.take_head(bytes);
  EXPECT_TRUE(used.has_value()) << used.error().message();
  return used ? *used : 0;
}

HttpResponse complete(std::string_view head) {
  HttpResponse response;
  EXPECT_EQ(taken(response, head), head.size());
  EXPECT_TRUE(response.head_done()) << head;
  return response;
}

TEST(HttpResponse, StreamBehindTheHeadIsNotTouched) {
  HttpResponse response;
  EXPECT_EQ(taken(response, std::string(established) + "\r\nSSH-2.0-banner"), established.size());
  EXPECT_TRUE(response.head_done());
  EXPECT_TRUE(response.head().success());
  EXPECT_EQ(response.head().phrase, "Connection established");
}

TEST(HttpResponse, EveryCutOfTheHeadIsFound) {
  for (std::size_t cut = 1; cut < established.size(); ++cut) {
    HttpResponse response;
    EXPECT_EQ(taken(response, established.substr(0, cut)), cut);
    EXPECT_FALSE(response.head_done());
    EXPECT_EQ(taken(response, std::string(established.substr(cut)) + "rest"), established.size() - cut) << cut;
    EXPECT_TRUE(response.head_done());
  }
}

TEST(HttpResponse, OneByteAtATime) {
  HttpResponse response;
  for (const char c : established) {
    EXPECT_FALSE(response.head_done());
    EXPECT_EQ(taken(response, std::string_view(&c, 1)), 1U);
  }
  EXPECT_TRUE(response.head_done());
}

TEST(HttpResponse, BareLineFeedsAreLineEnds) { EXPECT_EQ(complete("HTTP/1.0 200 OK\nA: b\n\n").head().status, 200U); }

TEST(HttpResponse, LengthsOfASuccessAreIgnored) {
  for (const auto* fields : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
                             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: x\r\n"}) {
    EXPECT_TRUE(complete("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n").head().success()) << fields;
  }
}

TEST(HttpResponse, InterimIsToldFromFinal) {
  EXPECT_TRUE(complete("HTTP/1.1 100 Continue\r\n\r\n").head().interim());
  EXPECT_FALSE(complete("HTTP/1.1 200 OK\r\n\r\n").head().interim());
}

TEST(HttpResponse, ChallengesOfAllFieldsAreCollected) {
  const auto response = complete(
      "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a\", Negotiate\r\n"
      "proxy-authenticate: Digest realm=\"b\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(proxy::scheme_names(response.head().challenges), "Basic, Negotiate, Digest");
  EXPECT_TRUE(response.keeps_connection());
  EXPECT_TRUE(response.body_done());
}

TEST(HttpResponse, ConnectionIsKeptOnlyIfBothSidesKnowTheBodysEnd) {
  EXPECT_TRUE(complete("HTTP/1.1 407 A\r\nContent-Length: 1\r\n\r\n").keeps_connection());
  EXPECT_TRUE(complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n").keeps_connection());
  EXPECT_TRUE(
      complete("HTTP/1.0 407 A\r\nProxy-Connection: Keep-Alive\r\nContent-Length: 1\r\n\r\n").keeps_connection());
  EXPECT_FALSE(complete("HTTP/1.1 407 A\r\nConnection: close\r\nContent-Length: 1\r\n\r\n").keeps_connection());
  EXPECT_FALSE(complete("HTTP/1.1 407 A\r\nProxy-Connection: close\r\nContent-Length: 1\r\n\r\n").keeps_connection());
  EXPECT_FALSE(complete("HTTP/1.0 407 A\r\nContent-Length: 1\r\n\r\n").keeps_connection());
  EXPECT_FALSE(complete("HTTP/1.1 407 A\r\n\r\n").keeps_connection());
}

TEST(HttpResponse, BodyIsReadToItsEndInAnyPieces) {
  const std::string body = "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    auto response = complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += piece) {
      EXPECT_FALSE(response.body_done());
      EXPECT_FALSE(response.take_body(std::string_view(body).substr(at, piece)));
    }
    EXPECT_TRUE(response.body_done()) << piece;
  }
}

TEST(HttpResponse, BytesBehindARefusalMakeTheConnectionUseless) {
  auto response = complete("HTTP/1.1 407 A\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(response.take_body("abHTTP/1.1 200 OK\r\n\r\n"));
}

TEST(HttpResponse, HugeBodyIsNotReadButAnswered) {
  auto response = complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n");
  const auto chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  error_code error;
  for (int i = 0; i < 10 && !error; ++i) error = response.take_body(chunk);
  EXPECT_TRUE(error);
  for (const auto* status : {"403", "407", "503"}) {
    const auto announced = complete("HTTP/1.1 " + std::string(status) + " A\r\nContent-Length: 99999999\r\n\r\n");
    EXPECT_EQ(announced.head().status, std::stoul(status));
    EXPECT_FALSE(announced.keeps_connection());
    EXPECT_FALSE(announced.keeps_connection(HttpResponse::most_needed_body));
  }
}

TEST(HttpResponse, LargerBodyIsReadWhereTheConnectionIsNeeded) {
  auto response = complete("HTTP/1.1 407 A\r\nContent-Length: 70000\r\n\r\n");
  EXPECT_FALSE(response.keeps_connection());
  EXPECT_TRUE(response.keeps_connection(HttpResponse::most_needed_body));
  EXPECT_FALSE(response.take_body(std::string(70'000, 'x'), HttpResponse::most_needed_body));
  EXPECT_TRUE(response.body_done());
}

// The framing of a body counts like the body.
TEST(HttpResponse, EndlessFramingOfABodyIsNotRead) {
  const std::string filler(4096, 'e');
  std::string tiny_chunks;
  for (int i = 0; i < 700; ++i) tiny_chunks += "1\r\nx\r\n";
  for (const auto& [begin, more] : std::vector<std::pair<std::string, std::string>>{
           {"1;", filler}, {"0\r\nX: ", filler}, {"0", filler}, {"", tiny_chunks}}) {
    auto response = complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n");
    auto error = response.take_body(begin);
    std::size_t taken = begin.size();
    for (; !error && taken < 10 * HttpResponse::most_body; taken += more.size()) error = response.take_body(more);
    EXPECT_TRUE(error);
    EXPECT_LE(taken, HttpResponse::most_body + more.size()) << begin;
  }
}

TEST(HttpResponse, DoubtfulFramingCostsTheConnectionAndNotTheAnswer) {
  for (const auto* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: x\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length:\r\n", "Content-Length: 5, 6\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n"}) {
    const auto response =
        complete("HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(response.head().status, 407U) << fields;
    EXPECT_EQ(response.head().challenges.size(), 1U) << fields;
    EXPECT_FALSE(response.keeps_connection(HttpResponse::most_needed_body)) << fields;
  }
  EXPECT_TRUE(complete("HTTP/1.1 407 A\r\nContent-Length: 5, 5\r\n\r\n").keeps_connection()) << "said twice";
}

TEST(HttpResponse, BrokenChunksAreAnError) {
  for (const auto* body : {"zz\r\n", "\r\n", "5x\r\n", "fffffffff\r\n", "2\r\nabc\r\n", "1\r\nx0\r\n\r\n"}) {
    auto response = complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(response.take_body(body)) << body;
    EXPECT_FALSE(response.body_done());
  }
}

TEST(HttpResponse, StatusLineIsReadHoweverItIsWritten) {
  for (const auto* line :
       {"HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 OK", "HTTP/1.0 200OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200\tOK",
        "http/1.1 200 ok", "HTTP/2 200", "HTTP/2.0 200", "HTTP 200 OK", "\r\nHTTP/1.1 200 OK"}) {
    EXPECT_EQ(complete(std::string(line) + "\r\n\r\n").head().status, 200U) << line;
    EXPECT_EQ(complete(std::string(line) + "\n\n").head().status, 200U) << line;
  }
}

TEST(HttpResponse, HeadOfAnySizeIsReadAndNoneWithoutEnd) {
  const auto large = "X: " + std::string(100'000, 'x') + "\r\n";
  const auto response =
      complete("HTTP/1.1 407 A\r\n" + large + "Proxy-Authenticate: Basic realm=x\r\n" + large + "\r\n");
  EXPECT_EQ(proxy::scheme_names(response.head().challenges), "Basic");
  HttpResponse endless;
  EXPECT_TRUE(endless.take_head("HTTP/1.1 200 OK\r\nX: "));
  error_code error;
  for (int i = 0; i < 100 && !error; ++i) {
    const auto used = endless.take_head(std::string(4096, 'x'));
    if (!used) error = used.error();
  }
  EXPECT_EQ(error, boost::system::errc::message_size);
}

TEST(HttpResponse, FoldedFieldIsOneField) {
  const auto response = complete(
      "HTTP/1.1 407 A\r\nProxy-Authenticate: Digest realm=\"a\",\r\n\tnonce=\"n\"\r\n  , Basic realm=b\r\n"
      "Content-Length: 0\r\n\r\n");
  ASSERT_EQ(proxy::scheme_names(response.head().challenges), "Digest, Basic");
  EXPECT_EQ(response.head().challenges[0].parameter("nonce"), "n");
}

TEST(HttpResponse, WhatNobodyNeedsIsSkippedHoweverBroken) {
  const auto response =
      complete("HTTP/1.1 407 A\r\nbad header\r\n: x\r\n\x01\xff: \x02\r\nProxy-Authenticate : Basic realm=x\r\n\r\n");
  EXPECT_EQ(proxy::scheme_names(response.head().challenges), "Basic");
}

TEST(HttpResponse, WhatIsNoHttpIsAnErrorAsSoonAsThatShows) {
  for (const auto* text : {"S", "\x15\x03", "ICY 200 OK\r\n", "HTTPS/1.1 200\r\n", "HTTP/1.1 2x0 OK\r\n",
                           "HTTP/1.1\r\n", "HTTP/1.1 2000\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1200\r\n", "220 ftp"}) {
    HttpResponse response;
    const auto used = response.take_head(text);
    ASSERT_FALSE(used.has_value()) << text;
    EXPECT_EQ(used.error(), boost::system::errc::bad_message);
  }
}

TEST(HttpResponse, WordsForTheLogCannotBreakIt) {
  const auto response = complete("HTTP/1.1 503 Oh\xe4 no\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n");
  EXPECT_EQ(response.head().phrase, "Oh\\xe4 no");
  EXPECT_EQ(response.head().detail, "ERR_CONNECT_FAIL 111");
}

}  // namespace
}  // namespace tfunnel::test
