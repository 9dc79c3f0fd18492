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
  const auto given = app::parse(argv, description);
  app::check(options, given);
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
  EXPECT_EQ(parsed({"--verbose", "--log-level", "trace"}).level(), io::LogLevel::trace);
  EXPECT_EQ(status_of({"--verbose", "--log-level", "error"}), ExitStatus::usage);
  EXPECT_EQ(status_of({"--quiet", "--log-level", "error"}), ExitStatus::usage);
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
  EXPECT_EQ(message_of({"--buffer-size", "64M"}),
            "--buffer-size is 1048576 to 70368744177664 bytes, not '64M'; see --help");
  EXPECT_EQ(message_of({"--config", ""}), "--config must not be empty; see --help");
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

TEST_F(ConfigFile, MistakeIsFoundByItsLine) {
  const auto said = [&](const std::string& text) {
    const auto message = message_of({"--config", write(text)});
    return message.starts_with(path_ + ":") ? message.substr(path_.size() + 1) : "no place: " + message;
  };
  EXPECT_EQ(said("# a\n\nudp-timeout=0\n"), "3: udp-timeout is seconds above 0, not '0'");
  EXPECT_EQ(said("verbose=true\nlingre=3"), "2: unrecognised option 'lingre', did you mean linger?");
  EXPECT_EQ(said("linger 3\n"), "1: 'linger' has no value: a line is name=value, such as linger=...");
  EXPECT_EQ(said("linger=3\r\nlinger=4\r\n"), "2: linger stands in the file twice");
  EXPECT_EQ(said("[both]\n"), "1: '[both]': there are no sections");
  EXPECT_EQ(said("config=other\n"), "1: config has no place in a file");
  EXPECT_EQ(said("log-level=\x1b[2J\n"), "1: log-level is error, warning, info, debug or trace, not '\\x1b[2J'");
  EXPECT_EQ(said(std::string("a\0b=1\n", 6)), "1: this is no text");
}

TEST_F(ConfigFile, LevelInItGivesWayToThatOfTheCommandLine) {
  EXPECT_EQ(parsed({"-v", "--config", write("log-level=error\n")}).level(), io::LogLevel::debug);
}

TEST_F(ConfigFile, CannotBeReadForAReason) {
  EXPECT_NE(message_of({"--config", "/no/such"}).find("/no/such: No such file"), std::string::npos);
  EXPECT_NE(message_of({"--config", "/dev/zero"}).find("/dev/zero: File too large"), std::string::npos);
}

TEST(Options, WhateverWasTypedIsShownInOneLine) {
  EXPECT_EQ(message_of({"a\nb\x1b[31m\xff"}), "'a\\x0ab\\x1b[31m\\xff' is no option; see --help");
  EXPECT_LT(message_of({std::string(100'000, 'x')}).size(), 200U);
  EXPECT_LT(message_of({"--log-level", std::string(100'000, 'x')}).size(), 300U);
}

TEST(Options, ValueOfAnOptionThatThereIsNotIsNotShown) {
  for (const auto* word : {"--htp-proxy=http://me:secret@host", "http://me:secret@host"}) {
    EXPECT_EQ(message_of({word}).find("secret"), std::string::npos) << word;
  }
}

TEST(Options, WordBehindAValueMayBelongToIt) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--linger", "3", "s"}, {"--linger=3", "s"}}) {
    EXPECT_NE(message_of(words).find("if it belongs to --linger"), std::string::npos);
  }
  EXPECT_EQ(message_of({"-v", "s"}).find("belongs"), std::string::npos);
}

TEST_F(ConfigFile, FolderInItsPlaceIsNotTakenForAnEmptyFile) {
  EXPECT_EQ(status_of({"--config", testing::TempDir()}), ExitStatus::bad_config);
}

}  // namespace
}  // namespace tfunnel::test
