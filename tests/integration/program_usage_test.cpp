// What a person meets first: help, version, and mistakes on the command line.
#include <gtest/gtest.h>

#include "tests/integration/support/program.hpp"

namespace tfunnel::test {
namespace {

using io::ExitStatus;

class Usage : public testing::TestWithParam<ProgramKind> {
 protected:
  void SetUp() override { TFUNNEL_SKIP_UNLESS_PERMITTED(GetParam()); }
  void expect(const std::string& argument, ExitStatus status, const std::string& text) {
    Program program(GetParam(), {argument});
    EXPECT_EQ(program.wait(), code(status));
    const std::string output(program.output().begin(), program.output().end());
    const auto& where = status == ExitStatus::ok ? output : program.errors();
    EXPECT_NE(where.find(text), std::string::npos) << argument << ": " << where;
    EXPECT_TRUE(status == ExitStatus::ok || output.empty()) << "standard output belongs to the protocol";
  }
};

INSTANTIATE_TEST_SUITE_P(Of, Usage, testing::ValuesIn(program_kinds()),
                         [](const auto& kind) { return kind.param.name; });

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
  expect("--http-proxy=http://192.0.2.1 --socks5=192.0.2.1", ExitStatus::usage, "one way out");
  expect("--config=/nonexistent", ExitStatus::bad_config, "/nonexistent");
}

TEST(UsageOfTheClient, BadPortsAreRefused) {
  for (const auto& kind : program_kinds()) {
    if (!kind.client) continue;
    const ProgramKind bare{kind.name, kind.path, false};
    for (const auto* port : {"--port=0", "--port=65536", "--port=-1", "--port=http"}) {
      Program program(bare, {port});
      program.close_input();
      EXPECT_EQ(program.wait(), code(ExitStatus::usage)) << port;
    }
  }
}

}  // namespace
}  // namespace tfunnel::test
