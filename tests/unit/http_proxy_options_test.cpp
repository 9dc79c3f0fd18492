// From options and environment to a list of proxies with credentials.
#include "proxy/http/http_proxy_options.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "common/app/arguments.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::HttpProxyOptions;
using proxy::HttpProxySettings;
using Variables = std::map<std::string, std::string>;

HttpProxySettings settings(const HttpProxyOptions& options, const Variables& variables = {}) {
  return http_proxy_settings(options, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string complaint(const HttpProxyOptions& options, const Variables& variables = {}) {
  try {
    settings(options, variables);
  } catch (const app::UsageError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return {};
}

std::string proxy_from(const Variables& variables) {
  const auto found = settings({.from_env = true}, variables);
  return found.proxies.empty() ? "" : found.proxies[0].host;
}

class PasswordFile : public testing::Test {
 protected:
  std::string write(const std::string& text, std::filesystem::perms permissions) {
    std::ofstream(path_) << text;
    std::filesystem::permissions(path_, permissions);
    return path_;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  static constexpr auto owner_only = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
  const std::string path_ = testing::TempDir() + "/tfunnel-password-" + std::to_string(::getpid());
};

TEST(HttpProxyOptions, SeveralStayInTheirOrder) {
  const auto found = settings({.urls = {"http://b:1", "https://a:2"}});
  ASSERT_EQ(found.proxies.size(), 2U);
  EXPECT_EQ(found.proxies[0].text(), "http://b:1");
  EXPECT_EQ(found.proxies[1].text(), "https://a:2");
}

TEST(HttpProxyOptions, EnvironmentIsNotReadUnasked) {
  EXPECT_TRUE(settings({}, {{"https_proxy", "http://env"}, {"no_proxy", "*"}}).proxies.empty());
  const auto found = settings({.urls = {"http://own"}}, {{"no_proxy", "*"}});
  EXPECT_TRUE(found.exceptions.empty());
}

TEST(HttpProxyOptions, EnvironmentOrderIsCurlsForWhatGoesByConnect) {
  Variables all{{"https_proxy", "http://1"}, {"HTTPS_PROXY", "http://2"}, {"all_proxy", "http://3"},
                {"ALL_PROXY", "http://4"},   {"http_proxy", "http://5"},  {"HTTP_PROXY", "http://6"}};
  int expected = 1;
  for (const auto* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"}) {
    EXPECT_EQ(proxy_from(all), std::to_string(expected++));
    all[name] = "";
  }
  EXPECT_EQ(proxy_from(all), "");
}

TEST(HttpProxyOptions, UpperCaseHttpProxyIsNotTrustedInACgiProgram) {
  EXPECT_EQ(proxy_from({{"HTTP_PROXY", "http://evil"}, {"REQUEST_METHOD", "GET"}}), "");
}

TEST(HttpProxyOptions, EmptyEnvironmentIsWorthAWarning) { EXPECT_EQ(settings({.from_env = true}).warnings.size(), 1U); }

TEST(HttpProxyOptions, CommandLineWinsOverEnvironment) {
  const Variables variables{{"https_proxy", "http://env"}, {"no_proxy", "192.0.2.1"}};
  const auto found = settings({.urls = {"http://own"}, .from_env = true, .no_proxy = {"192.0.2.2"}}, variables);
  EXPECT_EQ(found.proxies.at(0).host, "own");
  EXPECT_TRUE(found.exceptions.matches(endpoint("192.0.2.2", 1)));
  EXPECT_FALSE(found.exceptions.matches(endpoint("192.0.2.1", 1)));
}

TEST(HttpProxyOptions, BadNoProxyIsAnErrorFromTheUserAndAWarningFromTheEnvironment) {
  EXPECT_NE(complaint({.no_proxy = {"10.0.0.0/99"}}).find("10.0.0.0/99"), std::string::npos);
  const auto found = settings({.from_env = true}, {{"http_proxy", "http://h"}, {"NO_PROXY", "a,10.0.0.0/99"}});
  EXPECT_EQ(found.warnings.size(), 1U);
  EXPECT_FALSE(found.exceptions.empty());
}

TEST(HttpProxyOptions, CredentialsOfTheUrlWin) {
  const HttpProxyOptions options{.urls = {"http://a:b@one", "http://two", "http://alone@three"}};
  const auto found = settings(options, {{"TFUNNEL_PROXY_USER", "u"}, {"TFUNNEL_PROXY_PASSWORD", "p"}});
  EXPECT_EQ(found.proxies[0].credentials->password, "b");
  EXPECT_EQ(found.proxies[1].credentials->user, "u");
  EXPECT_EQ(found.proxies[1].credentials->password, "p");
  EXPECT_EQ(found.proxies[2].credentials->user, "alone");
  EXPECT_EQ(found.proxies[2].credentials->password, "p");
}

TEST(HttpProxyOptions, UserWithoutPasswordSaysWhereToPutIt) {
  EXPECT_NE(complaint({.urls = {"http://h"}, .user = "u"}).find("--proxy-password-file"), std::string::npos);
  EXPECT_NE(complaint({.urls = {"http://h"}, .user = "u:p"}).find("--proxy-password-file"), std::string::npos);
}

TEST_F(PasswordFile, FirstLineIsThePassword) {
  const auto path = write("se cret\r\nsecond\n", owner_only);
  const auto found = settings({.urls = {"http://h"}, .user = "u", .password_file = path});
  EXPECT_EQ(found.proxies[0].credentials->password, "se cret");
  EXPECT_TRUE(found.warnings.empty());
}

TEST_F(PasswordFile, ReadableByOthersIsAWarning) {
  const auto path = write("secret\n", owner_only | std::filesystem::perms::others_read);
  const auto found = settings({.urls = {"http://h"}, .user = "u", .password_file = path});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_EQ(found.warnings[0].find("secret"), std::string::npos);
}

TEST_F(PasswordFile, MissingOrEmptyIsAnError) {
  EXPECT_NE(complaint({.urls = {"http://h"}, .user = "u", .password_file = "/nonexistent"}).find("/nonexistent"),
            std::string::npos);
  const auto path = write("\nsecret\n", owner_only);
  EXPECT_NE(complaint({.urls = {"http://h"}, .user = "u", .password_file = path}), "");
}

std::string hidden(std::string argument) {
  app::hide_credentials(argument.data());
  return argument;
}

TEST(Arguments, CredentialsVanishFromTheProcessList) {
  EXPECT_EQ(hidden("--http-proxy=http://me:secret@host:1"), "--http-proxy=http://---------@host:1");
  EXPECT_EQ(hidden("http://me:s@c/ret@host"), "http://----------@host");
  EXPECT_EQ(hidden("me:secret@host"), "---------@host");
  EXPECT_EQ(hidden("--http-proxy=me:secret@host"), "--http-proxy=---------@host");
  for (const auto* same : {"--config=a@b", "http://host:1", "-p", "12300", "", "a@b"}) EXPECT_EQ(hidden(same), same);
}

TEST(Arguments, CopyKeepsWhatTheOriginalLoses) {
  std::string program = "tfunnel";
  std::string url = "http://me:secret@host";
  std::string end = "--";
  std::string after = "http://me:secret@host";
  std::vector<char*> argv{program.data(), url.data(), end.data(), after.data()};
  const app::Arguments arguments(4, argv.data());
  EXPECT_EQ(url, "http://---------@host");
  EXPECT_EQ(after, "http://me:secret@host") << "what is behind -- belongs to another program";
  EXPECT_EQ(arguments.words().size(), 4U);
  EXPECT_STREQ(arguments.words()[1], "http://me:secret@host");
}

}  // namespace
}  // namespace tfunnel::test
