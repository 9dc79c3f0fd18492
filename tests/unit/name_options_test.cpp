// DNS and names on the command line, and the origin of nameservers.
#include "proxy/names/name_options.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

#include "proxy/dns/nameservers.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using namespace proxy;

NameOptions parsed_names(std::vector<const char*> words) {
  NameOptions options;
  words.insert(words.begin(), "tfunnel");
  const auto description = name_description(options);
  app::parse(words, description);
  check(options);
  return options;
}

TEST(NameOptions, DefaultsAreUsable) {
  const auto options = parsed_names({});
  EXPECT_TRUE(options.resolver().contains(*core::Address::parse("198.18.0.53")));
  EXPECT_TRUE(options.resolver().contains(*core::Address::parse("fd00:7466::53")));
  EXPECT_TRUE(options.servers().empty());
  EXPECT_EQ(options.proxy_names, NameMode::automatic);
}

TEST(NameOptions, OwnResolverAddressesReplaceTheDefaultOnes) {
  const auto options = parsed_names({"--resolver-address", "10.0.0.1", "--resolver_address=fd00::1"});
  EXPECT_EQ(options.resolver(), (std::set{*core::Address::parse("10.0.0.1"), *core::Address::parse("fd00::1")}));
  EXPECT_TRUE(parsed_names({"--resolver-address=none"}).resolver().empty());
}

TEST(NameOptions, ServersAreTakenInOrderWithOrWithoutPort) {
  const auto options =
      parsed_names({"--dns", "192.0.2.1", "--dns=[2001:db8::1]:5353", "--dns=2001:db8::2", "--dns=192.0.2.3:54"});
  EXPECT_EQ(options.servers(), (std::vector{endpoint("192.0.2.1", 53), endpoint("2001:db8::1", 5353),
                                            endpoint("2001:db8::2", 53), endpoint("192.0.2.3", 54)}));
}

TEST(NameOptions, VirtualIsNoServer) {
  const auto options = parsed_names({"--dns=virtual", "--dns=192.0.2.1"});
  EXPECT_EQ(options.servers(), std::vector{endpoint("192.0.2.1", 53)});
  EXPECT_TRUE(options.always_virtual());
  EXPECT_TRUE(parsed_names({"--dns=virtual", "--proxy-names=never"}).gives_addresses());
  EXPECT_TRUE(parsed_names({}).gives_addresses());
  EXPECT_FALSE(parsed_names({}).always_virtual());
  EXPECT_FALSE(parsed_names({"--proxy-names=never"}).gives_addresses());
  EXPECT_FALSE(parsed_names({"--resolver-address=none"}).gives_addresses());
}

TEST(NameOptions, MistakesAreRefusedInOneLine) {
  for (const auto* word :
       {"--dns=", "--dns=example.com", "--dns=192.0.2.1:", "--dns=192.0.2.1:0", "--dns=192.0.2.1:65536",
        "--dns=[2001:db8::1", "--dns=[2001:db8::1]53", "--resolver-address=example.com",
        "--resolver-address=192.0.2.1:53", "--proxy-names=sometimes"})
    EXPECT_THROW(parsed_names({word}), app::UsageError) << word;
  EXPECT_THROW(parsed_names({"--resolver-address=none", "--resolver-address=10.0.0.1"}), app::UsageError);
  EXPECT_THROW(parsed_names({"--resolver-address=none", "--dns=virtual"}), app::UsageError);
}

class ResolvConf : public testing::Test {
 protected:
  void write(const std::string& text) {
    // Written beside and renamed, as programs that manage the file do.
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
    std::filesystem::last_write_time(path_,
                                     std::filesystem::file_time_type::clock::now() + ++age_ * std::chrono::seconds(1));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_ = testing::TempDir() + "resolv.conf." + std::to_string(::getpid());
  int age_ = 0;
};

TEST_F(ResolvConf, ServersComeInTheOrderOfTheFile) {
  write("# comment\nsearch example.com\nnameserver 192.0.2.5\nnameserver 2001:db8::5\noptions edns0\n");
  Nameservers servers(path_);
  EXPECT_EQ(servers.current(), (std::vector{endpoint("192.0.2.5", 53), endpoint("2001:db8::5", 53)}));
}

TEST_F(ResolvConf, ChangedFileIsReadAgain) {
  write("nameserver 192.0.2.5\n");
  Nameservers servers(path_);
  EXPECT_EQ(servers.current().at(0), endpoint("192.0.2.5", 53));
  write("nameserver 192.0.2.6\n");
  EXPECT_EQ(servers.current().at(0), endpoint("192.0.2.6", 53));
}

TEST_F(ResolvConf, WithoutAServerItIsTheOneOnThisHost) {
  Nameservers missing(path_);
  EXPECT_EQ(missing.current(), std::vector{endpoint("127.0.0.1", 53)});
  write("options edns0\n");
  EXPECT_EQ(missing.current(), std::vector{endpoint("127.0.0.1", 53)});
}

}  // namespace
}  // namespace tfunnel::test
