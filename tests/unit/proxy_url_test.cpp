// URLs of upstream proxies: what users write, and that no message shows a password.
#include "proxy/http/proxy_url.hpp"

#include <gtest/gtest.h>

#include "common/app/options.hpp"
#include "common/core/host_name.hpp"

namespace tfunnel::test {
namespace {

using proxy::parse_proxy_url;
using proxy::ProxyUrl;

ProxyUrl url(std::string_view text) { return parse_proxy_url(text, "--http-proxy"); }

std::string complaint(std::string_view text) {
  try {
    url(text);
  } catch (const app::UsageError& error) {
    EXPECT_EQ(error.status(), io::ExitStatus::usage);
    return error.what();
  }
  ADD_FAILURE() << text << " was taken";
  return {};
}

TEST(ProxyUrl, HostPortAndDefaults) {
  EXPECT_EQ(url("http://proxy:3128").text(), "http://proxy:3128");
  EXPECT_EQ(url("http://proxy").text(), "http://proxy:80");
  EXPECT_EQ(url("https://proxy.example.com/").text(), "https://proxy.example.com:443");
  EXPECT_EQ(url("HTTPS://proxy").tls, true);
  EXPECT_EQ(url("http://192.0.2.1:8080/path?query").text(), "http://192.0.2.1:8080");
}

TEST(ProxyUrl, NoSchemeIsHttpAsWithCurl) {
  EXPECT_EQ(url("proxy:3128").text(), "http://proxy:3128");
  EXPECT_EQ(url("user:pw@proxy:3128").credentials->user, "user");
}

TEST(ProxyUrl, Ipv6LiteralHasBrackets) {
  EXPECT_EQ(url("http://[2001:db8::1]:3128").host, "2001:db8::1");
  EXPECT_EQ(url("http://[2001:db8::1]:3128").text(), "http://[2001:db8::1]:3128");
  EXPECT_EQ(url("https://[::1]").port, 443);
}

TEST(ProxyUrl, CredentialsArePercentDecoded) {
  const auto found = url("http://dom%5Cuser:p%40ss%3aword%25@proxy:1").credentials.value();
  EXPECT_EQ(found.user, "dom\\user");
  EXPECT_EQ(found.password, "p@ss:word%");
  EXPECT_FALSE(url("http://proxy").credentials.has_value());
}

TEST(ProxyUrl, UnencodedAtAndSlashInAPasswordStayInIt) {
  const auto found = url("http://user:p@ss/word@proxy:1");
  EXPECT_EQ(found.credentials->password, "p@ss/word");
  EXPECT_EQ(found.host, "proxy");
}

TEST(ProxyUrl, TextNeverShowsCredentials) { EXPECT_EQ(url("http://user:secret@proxy:1").text(), "http://proxy:1"); }

TEST(ProxyUrl, NonsenseIsOneLineWithoutThePassword) {
  for (const auto* text :
       {"", "http://", "http://:3128", "socks5://u:secret@h", "http://u:secret@h:0", "http://h:65536", "http://h:x",
        "http://2001:db8::1", "http://[2001:db8::1", "http://[192.0.2.1]", "http://[::1]3128", "http://u:secret%4@h",
        "http://u:secret%zz@h", "http://h ost", "http://u:secret@h\r\nX: y"}) {
    const auto said = complaint(text);
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    EXPECT_TRUE(said.starts_with("--http-proxy: ")) << said;
  }
}

TEST(HostName, OnlyWhatCannotBreakARequestLine) {
  EXPECT_TRUE(core::is_host_name("a-b_c.example.com"));
  for (const auto* bad : {"", "a b", "a\r\nb", "a/b", "a:b", "a@b", "\xc3\xa4.example"})
    EXPECT_FALSE(core::is_host_name(bad)) << bad;
  EXPECT_FALSE(core::is_host_name(std::string(254, 'a')));
}

}  // namespace
}  // namespace tfunnel::test
