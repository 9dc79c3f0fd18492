// Lines of far ends that log text or JSON: read once, and shown here in either format.
#include "common/io/far_line.hpp"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include "common/io/log_line.hpp"

namespace tfunnel::test {
namespace {

using io::LogFormat;
using io::LogLevel;

constexpr const char* json_line =
    R"({"time":"2026-11-29T00:00:00.000Z","level":"warning","program":"tfunnel proxy","message":"slow","server":"a:53","flow":7})";

boost::json::object merged(std::string_view line) {
  const auto said = io::read_far_line(line);
  if (!said) return {};
  const auto text = io::log_line(LogFormat::json, "tfunnel link", *said);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  return boost::json::parse(text).as_object();
}

TEST(FarLine, JsonIsDecodedWithItsLevelAndFields) {
  const auto line = merged(json_line);
  EXPECT_EQ(line.at("level"), "warning");
  EXPECT_EQ(line.at("program"), "tfunnel link");
  EXPECT_EQ(line.at("origin"), "tfunnel proxy");
  EXPECT_EQ(line.at("message"), "slow");
  EXPECT_EQ(line.at("server"), "a:53");
  EXPECT_EQ(line.at("flow"), 7);
  EXPECT_NE(line.at("time"), "2026-11-29T00:00:00.000Z") << "its clock is not ours";
}

TEST(FarLine, JsonLooksLikeTextWhereTextIsLogged) {
  EXPECT_EQ(io::log_line(LogFormat::text, "tfunnel link", *io::read_far_line(json_line)),
            "tfunnel link: tfunnel proxy: warning: slow server=a:53 flow=7\n");
}

TEST(FarLine, TextIsDecodedToo) {
  const auto line = merged("tfunnel proxy: error: it broke: at once");
  EXPECT_EQ(line.at("level"), "error");
  EXPECT_EQ(line.at("origin"), "tfunnel proxy");
  EXPECT_EQ(line.at("message"), "it broke: at once");
  EXPECT_EQ(merged("tfunnel proxy: serving").at("level"), "info");
}

TEST(FarLine, OthersAreNotTakenForAFarEnd) {
  for (const auto* line : {"", "{", "{}", "ssh: connect to host x port 22: Connection refused", "[1]", "null",
                           R"({"program":"other","message":"x"})", R"({"program":"tfunnel proxy"})",
                           R"({"program":"tfunnel proxy","message":"x"} more)"}) {
    EXPECT_FALSE(io::read_far_line(line)) << line;
  }
}

TEST(FarLine, HostileOneTakesNoMemberOfOursAndDisturbsNoTerminal) {
  const auto* hostile =
      "{\"program\":\"tfunnel proxy\",\"message\":\"\\u001b[2J\\n\",\"origin\":\"us\",\"program\":\"tfunnel \\u0007\","
      "\"level\":\"fatal\",\"\\n\":[[1],{\"a\":\"\\u001b\"}]}";
  const auto line = merged(hostile);
  EXPECT_EQ(line.at("program"), "tfunnel link");
  EXPECT_NE(line.at("origin"), "us");
  EXPECT_EQ(line.at("level"), "info");
  const auto text = io::text_of(*io::read_far_line(hostile));
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << text;
}

TEST(FarLine, DeepOneIsRefusedInsteadOfOverflowingTheStack) {
  EXPECT_FALSE(io::read_far_line("{\"a\":" + std::string(4000, '[')));
}

}  // namespace
}  // namespace tfunnel::test
