// How a log line names the flow that it is about.
#include "common/io/log_line.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tfunnel::test {
namespace {

using io::LogFlow;
using io::LogFormat;
using io::LogLevel;

const core::Endpoint here{*core::Address::parse("192.0.2.1"), 1000};
const core::Endpoint there{*core::Address::parse("2001:db8::2"), 443};
const core::FlowRequest tcp{core::Transport::tcp, here, there};
const core::FlowRequest udp{core::Transport::udp, here, {}};

boost::json::object as_json(const LogFlow& flow) {
  const auto line = io::log_line(LogFormat::json, "tfunnel", LogLevel::info, "refused", {{"reason", "why"}}, &flow);
  return boost::json::parse(line).as_object();
}

std::string as_text(const LogFlow& flow) {
  return io::log_line(LogFormat::text, "tfunnel", LogLevel::info, "refused", {{"reason", "why"}}, &flow);
}

TEST(LogLine, JsonHasNoAddressInsideItsMessage) {
  const auto line = as_json(LogFlow(tcp, 7));
  EXPECT_EQ(line.at("message"), "refused");
  EXPECT_EQ(line.at("flow"), 7);
  EXPECT_EQ(line.at("transport"), "tcp");
  EXPECT_EQ(line.at("source"), "192.0.2.1:1000");
  EXPECT_EQ(line.at("destination"), "[2001:db8::2]:443");
  EXPECT_EQ(line.at("reason"), "why");
}

TEST(LogLine, TextIsTheSameWords) {
  EXPECT_EQ(as_text(LogFlow(tcp, 7)), "tfunnel: refused: tcp 192.0.2.1:1000 -> [2001:db8::2]:443 reason=why\n");
  EXPECT_EQ(as_text(LogFlow(udp, 7)), "tfunnel: refused: udp 192.0.2.1:1000 reason=why\n");
  EXPECT_EQ(as_text(LogFlow(udp, 7, there)), "tfunnel: refused: udp 192.0.2.1:1000 -> [2001:db8::2]:443 reason=why\n");
}

TEST(LogLine, FlowThatGotNoIdHasNone) { EXPECT_FALSE(as_json(LogFlow(tcp)).contains("flow")); }

TEST(LogLine, UdpFlowHasADestinationOnlyWhereOneDatagramIsMeant) {
  EXPECT_FALSE(as_json(LogFlow(udp, 7)).contains("destination"));
  EXPECT_EQ(as_json(LogFlow(udp, 7, there)).at("destination"), "[2001:db8::2]:443");
}

TEST(LogLine, MembersOfATableDisturbNoneOfALine) {
  const auto line = boost::json::parse(io::log_line("tfunnel", "flow table", {{"up", true}, {"level", "other"}}));
  EXPECT_EQ(line.at("level"), "info");
  EXPECT_EQ(line.at("message"), "flow table");
  EXPECT_EQ(line.at("up"), true);
}

}  // namespace
}  // namespace tfunnel::test
