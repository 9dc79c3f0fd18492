// The command line and the configuration file: what is typed is what is meant, or one line says why not.
#include "common/app/options.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/app/option_values.hpp"

namespace tfunnel::test {
namespace {

using app::CommonOptions;
using app::UsageError;
using io::ExitStatus;

CommonOptions parsed(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "tfunnel");
  std::vector<const char*> argv;
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  CommonOptions options;
  const auto description = app::common_description(options);
  app::parse(argv, description);
  app::check(options);
  return options;
}

ExitStatus status_of(const std::vector<std::string>& arguments) {
  try {
    parsed(arguments);
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    EXPECT_FALSE(std::string(error.what()).empty());
    return error.status();
  }
  return ExitStatus::ok;
}

class ConfigFile : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ =
      testing::TempDir() + "tfunnel_options_" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".conf";
};

TEST(Options, DefaultsAreThoseOfTheManual) {
  const auto options = parsed({});
  EXPECT_EQ(options.buffer_size, 128U << 20);
  EXPECT_EQ(options.level(), io::LogLevel::info);
  EXPECT_EQ(options.keepalive, std::chrono::seconds(20));
  EXPECT_GT(options.udp_timeout, core::Duration::zero());
}

TEST(Options, UnderscoresAndDashesMeanTheSame) {
  for (const auto* name : {"--udp_timeout_stream", "--udp-timeout-stream", "--udp-timeout_stream"}) {
    EXPECT_EQ(parsed({name, "7.5"}).udp_timeout_stream, std::chrono::milliseconds(7500)) << name;
    EXPECT_EQ(parsed({std::string(name) + "=7.5"}).udp_timeout_stream, std::chrono::milliseconds(7500)) << name;
  }
  EXPECT_EQ(parsed({"--buffer_size", "2000000"}).buffer_size, 2'000'000U);
}

TEST(Options, VerboseMeansDebug) {
  EXPECT_EQ(parsed({"-v"}).level(), io::LogLevel::debug);
  EXPECT_EQ(parsed({"--verbose", "--log-level", "error"}).level(), io::LogLevel::debug);
}

TEST(Options, BadValuesAreUsageErrorsInOneLine) {
  const std::vector<std::vector<std::string>> bad{
      {"--udp_timeout", "soon"},
      {"--udp_timeout", "0"},
      {"--udp_timeout", "-1"},
      {"--udp_timeout", "nan"},
      {"--udp_timeout"},
      {"--buffer_size", "1000"},
      {"--buffer_size", "lots"},
      {"--udp_timeout", "inf"},
      {"--udp_timeout", "0x10"},
      {"--buffer_size", "0x1000000"},
      {"--buffer_size", "99999999999999999999"},
      {"--log-level", "loud"},
      {"--log-format", "xml"},
      {"--keepalive", "-1"},
      {"--keepalive", "60", "--keepalive-timeout", "60"},
      {"--keepalive-timeout", "0"},
      {"--greeting-timeout", "0"},
      {"--no-such-option"},
      {"--verb"},
      {"stray"},
  };
  for (const auto& arguments : bad) EXPECT_EQ(status_of(arguments), ExitStatus::usage) << arguments[0];
}

std::string message_of(const std::vector<std::string>& arguments) {
  try {
    parsed(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Options, WrongValueIsQuotedWithWhatMayStandThere) {
  EXPECT_EQ(message_of({"--linger", "long"}), "--linger is seconds, 0 or more, not 'long'; see --help");
  EXPECT_EQ(message_of({"--log-format", "xml"}), "--log-format is text or json, not 'xml'; see --help");
  EXPECT_EQ(message_of({"--data-path=%x%"}), "--data-path is auto, splice or copy, not '%x%'; see --help");
  EXPECT_EQ(message_of({"stray"}), "'stray' is no option; see --help");
}

TEST(Options, MistypedOneIsAnsweredWithTheNearest) {
  EXPECT_NE(message_of({"--lingre=3"}).find("did you mean --linger?"), std::string::npos);
  EXPECT_EQ(message_of({"--no-such-option"}).find("did you mean"), std::string::npos);
}

TEST(Options, NegativeBufferSizeIsNotTakenForAHugeOne) {
  EXPECT_EQ(status_of({"--buffer-size=-1"}), ExitStatus::usage);
}

TEST(Options, TimesBeyondTheClocksRangeDoNotBecomeThePast) {
  for (const auto value : {1e10, 1e18, 1e300, std::numeric_limits<double>::infinity()}) {
    EXPECT_GT(app::seconds(value), std::chrono::hours(24 * 365)) << value;
  }
}

TEST(Options, KeepaliveCanBeSwitchedOff) { EXPECT_EQ(status_of({"--keepalive", "0"}), ExitStatus::ok); }

TEST_F(ConfigFile, GivesEveryOptionWithEitherSpelling) {
  const auto options = parsed({"--config", write("# a comment\nudp_timeout = 5\nlog-level=debug\nverbose=true\n"
                                                 "buffer-size=3000000\n")});
  EXPECT_EQ(options.udp_timeout, std::chrono::seconds(5));
  EXPECT_EQ(options.buffer_size, 3'000'000U);
  EXPECT_TRUE(options.verbose);
}

TEST_F(ConfigFile, CommandLineWins) {
  const auto path = write("udp_timeout=5\nlog-level=error\n");
  const auto options = parsed({"--udp_timeout", "9", "--config", path});
  EXPECT_EQ(options.udp_timeout, std::chrono::seconds(9));
  EXPECT_EQ(options.log_level, io::LogLevel::error);
}

TEST_F(ConfigFile, MistakesInItHaveAStatusOfTheirOwn) {
  EXPECT_EQ(status_of({"--config", "/nonexistent/tfunnel.conf"}), ExitStatus::bad_config);
  EXPECT_EQ(status_of({"--config", write("no-such-option=1\n")}), ExitStatus::bad_config);
  EXPECT_EQ(status_of({"--config", write("udp-timeout=0\n")}), ExitStatus::bad_config);
  EXPECT_EQ(status_of({"--config", write("log-level=loud\n")}), ExitStatus::bad_config);
  EXPECT_EQ(status_of({"--config", write("udp-timeout=soon\n")}), ExitStatus::bad_config);
  EXPECT_EQ(status_of({"--config", write("just words\n")}), ExitStatus::bad_config);
}

TEST_F(ConfigFile, FolderInItsPlaceIsNotTakenForAnEmptyFile) {
  EXPECT_EQ(status_of({"--config", testing::TempDir()}), ExitStatus::bad_config);
}

}  // namespace
}  // namespace tfunnel::test
