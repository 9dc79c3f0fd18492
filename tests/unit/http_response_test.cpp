// Response heads: not one byte behind them may be taken, and none that is huge or broken be believed.
#include "proxy/http_response.hpp"

#include <gtest/gtest.h>

#include <boost/beast/http/error.hpp>

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

TEST(HttpResponse, HugeBodyIsNotRead) {
  auto response = complete("HTTP/1.1 407 A\r\nTransfer-Encoding: chunked\r\n\r\n");
  const auto chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  error_code error;
  for (int i = 0; i < 10 && !error; ++i) error = response.take_body(chunk);
  EXPECT_TRUE(error);
}

// All that is not the body proper is not counted by the parser, and kept by it until it is whole.
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

TEST(HttpResponse, HugeHeadIsNotRead) {
  HttpResponse response;
  EXPECT_TRUE(response.take_head("HTTP/1.1 200 OK\r\nX: "));
  error_code error;
  for (int i = 0; i < 10 && !error; ++i) {
    const auto used = response.take_head(std::string(4096, 'x'));
    if (!used) error = used.error();
  }
  EXPECT_EQ(error, boost::beast::http::error::header_limit);
}

TEST(HttpResponse, WhatIsNoHttpIsAnError) {
  for (const auto* text : {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1\r\n\r\n",
                           "HTTP/2 200\r\n\r\n", "HTTP/1.1 407 A\r\nbad header\r\n\r\n"}) {
    HttpResponse response;
    EXPECT_FALSE(response.take_head(text).has_value()) << text;
  }
}

TEST(HttpResponse, WordsForTheLogCannotBreakIt) {
  const auto response = complete("HTTP/1.1 503 Oh\xe4 no\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n");
  EXPECT_EQ(response.head().phrase, "Oh\\xe4 no");
  EXPECT_EQ(response.head().detail, "ERR_CONNECT_FAIL 111");
}

}  // namespace
}  // namespace tfunnel::test
