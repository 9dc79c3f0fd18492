// The name in a flow's first bytes is found in any pieces, and nothing else is taken for one.
#include <gtest/gtest.h>

#include "common/core/host_name.hpp"
#include "proxy/names/flow_sniffer.hpp"
#include "tests/unit/support/first_bytes.hpp"

namespace tfunnel::test {
namespace {

using core::FlowSniffer;
using core::Sniffed;

struct Outcome {
  Sniffed verdict;
  std::string name;
};

/// Feeds pieces of `piece` bytes until there is a verdict.
Outcome sniff(const Bytes& bytes, std::size_t piece = SIZE_MAX) {
  FlowSniffer sniffer;
  for (std::size_t at = 0; at < bytes.size() && sniffer.verdict() == Sniffed::searching;) {
    const auto rest = core::ByteView(bytes).subspan(at);
    const auto now = rest.first(std::min(piece, rest.size()));
    sniffer.feed(now);
    at += now.size();
  }
  return {sniffer.verdict(), sniffer.name()};
}

void expect_name(const Bytes& bytes, const std::string& name, std::size_t piece = SIZE_MAX) {
  const auto outcome = sniff(bytes, piece);
  EXPECT_EQ(outcome.verdict, Sniffed::found) << "pieces of " << piece;
  EXPECT_EQ(outcome.name, name);
}
void expect_none(const Bytes& bytes) { EXPECT_EQ(sniff(bytes).verdict, Sniffed::none); }
Bytes get(const std::string& fields) { return bytes_of("GET / HTTP/1.1\r\n" + fields + "\r\n"); }

TEST(Sniffer, NothingYetIsNoVerdict) { EXPECT_EQ(sniff({}).verdict, Sniffed::searching); }

TEST(TlsSniffer, ServerNameIsFoundByteByByte) {
  const auto hello = tls_records(client_hello("WWW.Example.com"));
  for (std::size_t piece = 1; piece < 40; ++piece) expect_name(hello, "www.example.com", piece);
  expect_name(hello, "www.example.com");
}

TEST(TlsSniffer, HelloInManyRecordsIsOneHello) {
  const auto message = client_hello("fragmented.example");
  for (std::size_t record = 1; record < message.size(); ++record)
    expect_name(tls_records(message, record), "fragmented.example", 1 + record % 3);
}

TEST(TlsSniffer, EveryBeginningIsStillSearching) {
  const auto hello = tls_records(client_hello("a.example"), 60);
  const auto name = bytes_of("a.example");
  const auto end = std::search(hello.begin(), hello.end(), name.begin(), name.end());
  ASSERT_NE(end, hello.end());
  const auto needed = static_cast<std::size_t>(end - hello.begin());
  for (std::size_t size = 1; size < needed; ++size)
    EXPECT_EQ(sniff(Bytes(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(size))).verdict,
              Sniffed::searching);
}

TEST(TlsSniffer, HelloWithoutAServerNameHasNone) { expect_none(tls_records(client_hello(""))); }

TEST(TlsSniffer, NameThatIsNoHostNameIsNone) {
  for (const auto* name : {"localhost", "a b", "a\r\nX: y"}) expect_none(tls_records(client_hello(name)));
  EXPECT_EQ(sniff(tls_records(client_hello("192.0.2.1"))).verdict, Sniffed::address);
}

TEST(TlsSniffer, OtherRecordsAndMessagesAreNone) {
  auto alert = tls_records(client_hello("a.example"), 20);
  alert[25] = 21;  // the second record is an alert
  expect_none(alert);
  auto message = client_hello("a.example");
  message[0] = 2;
  expect_none(tls_records(message));
  expect_none(Bytes{22, 3, 1, 0, 0});
  expect_none(Bytes{22, 3, 1, 0xff, 0xff});
  expect_none(Bytes{22, 2, 1, 0, 5});
}

TEST(TlsSniffer, LengthsThatDoNotFitAreNone) {
  const auto good = client_hello("a.example");
  const auto records = tls_records(good);
  // The extension's, the list's and the name's length, each once too large.
  const auto name = bytes_of("a.example");
  const auto at =
      static_cast<std::size_t>(std::search(records.begin(), records.end(), name.begin(), name.end()) - records.begin());
  for (const auto back : {2U, 5U}) {
    auto bad = records;
    bad[at - back] = 0x7f;
    expect_none(bad);
  }
}

TEST(TlsSniffer, EndlessHelloIsGivenUp) {
  auto message = client_hello("");
  message.resize(60'000);
  message[1 + 3 + 2 + 32 + 33] = 0xff;  // 65,284 bytes of cipher suites
  expect_none(tls_records(message));
}

TEST(HttpSniffer, HostIsFoundByteByByte) {
  const auto request = bytes_of("GET /index.html HTTP/1.1\r\nUser-Agent: x\r\nhOsT: \tWWW.Example.com:8080 \r\n\r\n");
  for (std::size_t piece = 1; piece < 40; ++piece) expect_name(request, "www.example.com", piece);
}

TEST(HttpSniffer, BareLineFeedsAndOldVersionsAreRead) {
  expect_name(bytes_of("POST / HTTP/1.0\nHost:example.org\n\n"), "example.org");
  expect_name(bytes_of("M-SEARCH * HTTP/1.1\r\nHost: example.org\r\n\r\n"), "example.org");
}

TEST(HttpSniffer, HeadIsAwaitedToItsEnd) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n";
  for (std::size_t size = 1; size < request.size(); ++size)
    EXPECT_EQ(sniff(bytes_of(request.substr(0, size))).verdict, Sniffed::searching);
  expect_name(bytes_of(request + "GET http://b.example/ HTTP/1.1\r\n"), "a.example");
}

// The name there says where the proxy at the other end shall go. Taken for the flow's own name, it makes an upstream
// connect to that instead of the proxy.
TEST(HttpSniffer, RequestToAProxyHasNoName) {
  for (const auto* line :
       {"GET http://a.example/ HTTP/1.1", "GET HTTP://a.example HTTP/1.1", "POST https://a.example/x HTTP/1.1",
        "GET ftp://a.example/ HTTP/1.0", "OPTIONS http://a.example HTTP/1.1", "GET //http://a.example HTTP/1.1x",
        "CONNECT a.example:443 HTTP/1.1", "CONNECT a.example:443 HTTP/1.0", "CONNECT [2001:db8::1]:443 HTTP/1.1",
        "GET a.example/ HTTP/1.1", "GET a.example HTTP/1.1", "GET ws://a.example/ HTTP/1.1", "GET  / HTTP/1.1"})
    expect_none(bytes_of(std::string(line) + "\r\nHost: a.example\r\n\r\n"));
  expect_none(bytes_of("GET http://a.example/ HTTP/1.1\r\n\r\nHost: b.example\r\n"));
}

TEST(HttpSniffer, FormsOfAHost) {
  struct Form {
    const char* fields;
    Sniffed verdict;
    const char* name;
  };
  for (const auto& form : {
           Form{"Host: a.example\r\n", Sniffed::found, "a.example"},
           Form{"Host:a.example\r\n", Sniffed::found, "a.example"},
           Form{"HOST: \t A.Example. \t\r\n", Sniffed::found, "a.example"},
           Form{"Host: a.example:80\r\n", Sniffed::found, "a.example"},
           Form{"Host: a.example:\r\n", Sniffed::found, "a.example"},
           Form{"Host: my_app.example\r\n", Sniffed::found, "my_app.example"},
           Form{"Host: wiki\r\n", Sniffed::found, "wiki"},
           Form{"Host: xn--bcher-kva.example\r\n", Sniffed::found, "xn--bcher-kva.example"},
           Form{"X-Forwarded-Host: b.example\r\nHost: a.example\r\n", Sniffed::found, "a.example"},
           Form{"Host: a.example\r\nhost: A.EXAMPLE:80\r\n", Sniffed::found, "a.example"},
           Form{"Host: 192.0.2.1\r\n", Sniffed::address, ""},
           Form{"Host: 192.0.2.1:8080\r\n", Sniffed::address, ""},
           Form{"Host: [2001:db8::1]\r\n", Sniffed::address, ""},
           Form{"Host: [2001:DB8::1]:443\r\n", Sniffed::address, ""},
           // Two hosts: one may have been put into the request by somebody else.
           Form{"Host: a.example\r\nHost: b.example\r\n", Sniffed::none, ""},
           Form{"Host: a.example\r\nAccept: x\r\nHost: 192.0.2.1\r\n", Sniffed::none, ""},
           Form{"Host: 192.0.2.1\r\nHost: a.example\r\n", Sniffed::none, ""},
           Form{"Host:\r\nHost: a.example\r\n", Sniffed::none, ""},
           Form{"Host: a.example, b.example\r\n", Sniffed::none, ""},
           Form{"Host:\r\n", Sniffed::none, ""},
           Form{"Host: \t\r\n", Sniffed::none, ""},
           Form{"Host: localhost:8080\r\n", Sniffed::none, ""},
           Form{"Host: 2130706433\r\n", Sniffed::none, ""},
           Form{"Host: 0x7f.1\r\n", Sniffed::none, ""},
           Form{"Host: 2001:db8::1\r\n", Sniffed::none, ""},
           Form{"Host: [2001:db8::1\r\n", Sniffed::none, ""},
           Form{"Host: [2001:db8::1]x\r\n", Sniffed::none, ""},
           Form{"Host: [a.example]\r\n", Sniffed::none, ""},
           Form{"Host: a.example:http\r\n", Sniffed::none, ""},
           Form{"Host: a.example:80:b.example\r\n", Sniffed::none, ""},
           Form{"Host: user@a.example\r\n", Sniffed::none, ""},
           Form{"Host: http://a.example\r\n", Sniffed::none, ""},
           Form{"Host: a example\r\n", Sniffed::none, ""},
           Form{"Host: b\xc3\xbc"
                "cher.example\r\n",
                Sniffed::none, ""},
           Form{"Host:\r\n a.example\r\n", Sniffed::none, ""},
           Form{"Accept: x\r\n Host: a.example\r\nHost: a.example\r\n", Sniffed::none, ""},
           Form{"no field\r\nHost: a.example\r\n", Sniffed::none, ""},
           Form{": x\r\nHost: a.example\r\n", Sniffed::none, ""},
           Form{"Host : a.example\r\n", Sniffed::none, ""},
           Form{"Hosts: a.example\r\n", Sniffed::none, ""},
           Form{"", Sniffed::none, ""},
       }) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
      const auto outcome = sniff(get(form.fields), piece);
      EXPECT_EQ(outcome.verdict, form.verdict) << form.fields;
      EXPECT_EQ(outcome.name, form.name) << form.fields;
    }
  }
}

TEST(HttpSniffer, LongNames) {
  const std::string label(63, 'a');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  expect_name(get("Host: " + longest + "\r\n"), longest);
  expect_none(get("Host: " + longest + "a\r\n"));
  expect_none(get("Host: " + label + "a.example\r\n"));
}

TEST(HttpSniffer, OtherProtocolsAreGivenUpAtOnce) {
  expect_none(bytes_of("PRI * HTTP/2.0\r\n"));
  expect_none(bytes_of("SSH-2.0-OpenSSH_9.2\r\n"));
  expect_none(bytes_of("EHLO mail.example.com\r\n"));
  expect_none(bytes_of("\x05\x01\x00"));
  expect_none(Bytes(25, 'A'));
}

TEST(HttpSniffer, EndlessHeadIsGivenUp) {
  std::string request = "GET / HTTP/1.1\r\n";
  while (request.size() < 40'000) request += "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
  expect_none(bytes_of(request));
  expect_none(bytes_of("GET /" + std::string(40'000, 'a')));
}

TEST(Sniffer, RandomBytesNeverGiveAnInvalidName) {
  Random random(11);
  const auto good = tls_records(client_hello("random.example"), 30);
  for (int i = 0; i < 3000; ++i) {
    auto bytes = good;
    for (int change = 0; change < 3; ++change) bytes[random.below(bytes.size())] = random.bytes(1)[0];
    const auto outcome = sniff(bytes, 1 + random.below(50));
    EXPECT_EQ(outcome.verdict == Sniffed::found, core::host_name(outcome.name) == outcome.name);
  }
}

}  // namespace
}  // namespace tfunnel::test
