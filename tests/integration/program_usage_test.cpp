// The first things that a person meets: help, version, and mistakes on the command line.
#include <gtest/gtest.h>

#include <iterator>
#include <sstream>

#include "tests/integration/support/program.hpp"

namespace tfunnel::test {
namespace {

using io::ExitStatus;

class Usage : public testing::TestWithParam<ProgramKind> {
 protected:
  void SetUp() override { TFUNNEL_SKIP_UNLESS_PERMITTED(GetParam()); }
  void expect(const std::string& line, ExitStatus status, const std::string& text) {
    std::istringstream words(line);
    Program program(GetParam(), {std::istream_iterator<std::string>(words), {}});
    EXPECT_EQ(program.wait(), code(status));
    const std::string output(program.output().begin(), program.output().end());
    const auto& where = status == ExitStatus::ok ? output : program.errors();
    EXPECT_NE(where.find(text), std::string::npos) << line << ": " << where;
    EXPECT_TRUE(status == ExitStatus::ok || output.empty()) << "standard output belongs to the protocol";
  }
};

class UsageOfTheProxy : public Usage {};
class UsageOfTheClient : public Usage {};

std::vector<ProgramKind> kinds(bool client) {
  auto all = program_kinds();
  std::erase_if(all, [client](const auto& kind) { return kind.client != client; });
  return all;
}

std::string name_of(const testing::TestParamInfo<ProgramKind>& kind) { return kind.param.name; }

INSTANTIATE_TEST_SUITE_P(Of, Usage, testing::ValuesIn(program_kinds()), name_of);
INSTANTIATE_TEST_SUITE_P(Of, UsageOfTheProxy, testing::ValuesIn(kinds(false)), name_of);
INSTANTIATE_TEST_SUITE_P(Of, UsageOfTheClient, testing::ValuesIn(kinds(true)), name_of);
// There is no client in a build for the proxy alone.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(UsageOfTheClient);

TEST_P(Usage, HelpAndVersionEndWell) {
  expect("--help", ExitStatus::ok, "--buffer-size");
  expect("--version", ExitStatus::ok, "tfunnel");
}

TEST_P(Usage, MistakesGetOneLineAndTheirStatus) {
  expect("--no-such-option", ExitStatus::usage, "--no-such-option");
  expect("--udp_timeout=soon", ExitStatus::usage, "udp-timeout");
  expect("--buffer_size=1", ExitStatus::usage, "buffer-size");
  expect("--connect-timeout=0", ExitStatus::usage, "connect-timeout");
  expect("--dns=example.com", ExitStatus::usage, "--dns");
  expect("--resolver_address=example.com", ExitStatus::usage, "--resolver-address");
  expect("--proxy-names=perhaps", ExitStatus::usage, "--proxy-names");
  expect("--proxy-names=always --allow=10.0.0.0/8", ExitStatus::usage, "rules know addresses only");
  expect("--config=/nonexistent", ExitStatus::bad_config, "/nonexistent");
}

TEST_P(UsageOfTheProxy, UnusableWaysOutAreRefusedBeforeTheLinkIsTouched) {
  expect("--http-proxy=http://192.0.2.1 --socks5=192.0.2.1", ExitStatus::usage, "one way out");
  expect("--dns=virtual", ExitStatus::usage, "--dns virtual needs an upstream proxy");
  expect("--dns=virtual --http-proxy=http://192.0.2.1 --deny=10.0.0.0/8", ExitStatus::usage, "rules know addresses");
  expect("--http-proxy=http://192.0.2.1 --proxy-password-file=/nonexistent", ExitStatus::usage, "/nonexistent");
}

TEST_P(UsageOfTheClient, OptionsOfTheFarEndAreNotIgnoredInSilence) {
  expect("--http_proxy=http://192.0.2.1", ExitStatus::usage, "--http-proxy is for the far end");
  expect("--preserve-source", ExitStatus::usage, "--preserve-source is for the far end");
}

TEST_P(UsageOfTheClient, BadPortsAreRefused) {
  const ProgramKind bare{GetParam().name, GetParam().path, false};
  for (const auto* port : {"--port=0", "--port=65536", "--port=-1", "--port=http"}) {
    Program program(bare, {port});
    program.close_input();
    EXPECT_EQ(program.wait(), code(ExitStatus::usage)) << port;
  }
}

}  // namespace
}  // namespace tfunnel::test
