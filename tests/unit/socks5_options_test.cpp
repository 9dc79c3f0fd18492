// How an upstream SOCKS5 proxy is named, and that its password is not told to bystanders.
#include "proxy/socks5/socks5_options.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace tfunnel::test {
namespace {

using app::UsageError;
using proxy::Socks5Options;

proxy::Socks5Proxy proxy_of(const std::string& server) { return Socks5Options{server, {}, {}}.proxy().value(); }

TEST(Socks5Options, NothingGivenMeansNoProxy) { EXPECT_FALSE(Socks5Options().proxy()); }

TEST(Socks5Options, HostAndPortInAllForms) {
  for (const auto& [text, shown] : std::vector<std::pair<std::string, std::string>>{
           {"proxy.example:9050", "proxy.example:9050"},
           {"proxy.example", "proxy.example:1080"},
           {"192.0.2.1:1", "192.0.2.1:1"},
           {"[2001:db8::1]:65535", "[2001:db8::1]:65535"},
           {"[2001:db8::1]", "[2001:db8::1]:1080"},
           {"socks5h://alice:x@proxy.example:9050", "proxy.example:9050"}}) {
    EXPECT_EQ(proxy_of(text).text(), shown) << text;
  }
}

TEST(Socks5Options, PasswordMayHoldColonsAndAts) {
  const auto credentials = proxy_of("alice:p:a@ss/w@proxy:1080").credentials.value();
  EXPECT_EQ(credentials.user, "alice");
  EXPECT_EQ(credentials.password, "p:a@ss/w");
  EXPECT_EQ(proxy_of("alice@proxy").credentials->password, "");
}

TEST(Socks5Options, PasswordComesFromTheFilesFirstLine) {
  const auto path = testing::TempDir() + "tfunnel_socks5_password";
  std::ofstream(path) << "pass word\r\nsecond line\n";
  const auto credentials = Socks5Options{"proxy", "bob", path}.proxy()->credentials.value();
  EXPECT_EQ(credentials.user, "bob");
  EXPECT_EQ(credentials.password, "pass word");
  EXPECT_EQ((Socks5Options{"carol@proxy", {}, path}.proxy()->credentials->user), "carol");
  std::remove(path.c_str());
}

TEST(Socks5Options, MistakesAreOneLineWithoutThePassword) {
  for (const auto& options : std::vector<Socks5Options>{{"alice:hunter2@", {}, {}},
                                                        {"alice:hunter2@proxy:0", {}, {}},
                                                        {"alice:hunter2@proxy:65536", {}, {}},
                                                        {"alice:hunter2@proxy:http", {}, {}},
                                                        {"alice:hunter2@2001:db8::1:1080", {}, {}},
                                                        {"alice:hunter2@[2001:db8::1", {}, {}},
                                                        {"alice:hunter2@[2001:db8::1]1080", {}, {}},
                                                        {":hunter2@proxy", {}, {}},
                                                        {"alice:hunter2" + std::string(255, 'x') + "@proxy", {}, {}},
                                                        {"", "alice", {}},
                                                        {"proxy", {}, "/dev/null"},
                                                        {"proxy", "alice", "/nonexistent"}}) {
    try {
      static_cast<void>(options.proxy());
      ADD_FAILURE() << options.server << " was taken";
    } catch (const UsageError& error) {
      const std::string what = error.what();
      EXPECT_EQ(what.find("hunter2"), std::string::npos) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    }
  }
}

}  // namespace
}  // namespace tfunnel::test
