// The unit that closes the way when the machine starts: its text, and that nothing of it is left.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/up/boot_unit.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {
namespace {

namespace fs = std::filesystem;

core::Endpoint endpoint(const char* address, std::uint16_t port) { return {*core::Address::parse(address), port}; }
core::Network network(const char* address, unsigned prefix) {
  return core::Network::of(*core::Address::parse(address), prefix);
}

TEST(ClosingWordsTest, SayAllThatTheRulesAreMadeOf) {
  SystemTerms terms;
  terms.link = {{true, endpoint("203.0.113.10", 22)}, {true, endpoint("2001:db8::1", 0)}, {false, endpoint("::2", 5)}};
  terms.direct.v4 = {network("192.0.2.0", 24)};
  terms.excluded = {{network("2001:db8::", 32), 80, 90}};
  terms.included = {{network("198.51.100.0", 24), 443, 443}};
  terms.selection.users = {{5, 9}};
  terms.selection.control_groups = {{"a.slice", 1}};
  terms.dns.v4 = core::Address::parse("198.18.0.53");
  terms.forward = true;
  terms.capture_port = 12399;
  EXPECT_EQ(
      closing_words(terms),
      (std::vector<std::string>{
          "--link=203.0.113.10:22", "--link=[2001:db8::1]", "--exclude=192.0.2.0/24", "--exclude=[2001:db8::/32]:80-90",
          "--include=198.51.100.0/24:443", "--uid=5-9", "--cgroup=/sys/fs/cgroup/a.slice", "--dns=198.18.0.53",
          "--forward", "--capture-port=12399", "--own-mark=0x8", "--capture-mark=0x80", "--passed-mark=0x40"}));
  EXPECT_EQ(closing_words({})[0], "--dns=keep");
}

TEST(BootUnitTest, WhatSystemdWouldFillInIsQuoted) {
  const auto text = boot_unit_text({"/a b/tfunnel", "--x=%h$HOME\"\\"}, "boot:1", false);
  EXPECT_NE(text.find("ExecStart=\"/a b/tfunnel\" \"--x=%%h$$HOME\\\"\\\\\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nBefore=network-pre.target "), std::string::npos);
  EXPECT_NE(text.find("\nWants=network-pre.target\n"), std::string::npos);
  EXPECT_NE(text.find("\nDefaultDependencies=no\n"), std::string::npos);
}

class InstalledUnit : public ::testing::Test {
 protected:
  InstalledUnit() { fs::create_directories(root_ / "run/systemd/system"); }
  ~InstalledUnit() override { fs::remove_all(root_); }

  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::recursive_directory_iterator(root_), {}));
  }

  fs::path root_ = fs::temp_directory_path() / ("boot-unit-test-" + std::to_string(::getpid()));
  fs::path units_ = root_ / "etc/systemd/system";
  fs::path unit_ = units_ / "tfunnel-closed.service";
  BootUnit boot_unit_{root_};
};

TEST_F(InstalledUnit, IsOfNoUseWithoutADirectoryForIt) {
  EXPECT_FALSE(boot_unit_.is_of_use());
  fs::create_directories(units_);
  EXPECT_TRUE(boot_unit_.is_of_use());
}

TEST_F(InstalledUnit, IsRemovedWithAllThatWasMadeForIt) {
  fs::create_directories(units_);
  const auto before = files();
  EXPECT_FALSE(boot_unit_.is_there());
  ASSERT_FALSE(boot_unit_.install({"/bin/true", "one"}));
  ASSERT_FALSE(boot_unit_.install({"/bin/true", "two"})) << "other rules";
  EXPECT_TRUE(boot_unit_.is_there());
  EXPECT_NE(io::file_contents(unit_.string()).find("\"two\""), std::string::npos);
  EXPECT_TRUE(fs::equivalent(units_ / "sysinit.target.wants/tfunnel-closed.service", unit_));
  ASSERT_FALSE(boot_unit_.remove());
  EXPECT_EQ(files(), before);
  ASSERT_FALSE(boot_unit_.remove());
}

TEST_F(InstalledUnit, ADirectoryThatWasThereStays) {
  fs::create_directories(units_ / "sysinit.target.wants");
  const auto before = files();
  ASSERT_FALSE(boot_unit_.install({"/bin/true"}));
  ASSERT_FALSE(boot_unit_.remove());
  EXPECT_EQ(files(), before);
}

TEST_F(InstalledUnit, OneOfNobodyIsRemoved) {
  fs::create_directories(units_);
  auto boot = io::file_contents("/proc/sys/kernel/random/boot_id");
  boot.erase(boot.find('\n'));
  std::ofstream(unit_) << boot_unit_text({"/bin/true"}, boot + ":1", false);
  EXPECT_TRUE(boot_unit_.is_there()) << "there is no such one any more";
  ASSERT_FALSE(boot_unit_.remove());
  EXPECT_FALSE(fs::exists(unit_));
  std::ofstream(unit_) << boot_unit_text({"/bin/true"}, "earlier:1", false);
  ASSERT_FALSE(boot_unit_.remove());
  EXPECT_FALSE(fs::exists(unit_)) << "from before the machine's start";
}

}  // namespace
}  // namespace tfunnel::client
