// Signals, and what a program leaves behind when it ends with flows alive.
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <csignal>
#include <thread>

#include "tests/integration/support/program.hpp"

namespace tfunnel::test {
namespace {

using io::ExitStatus;

class Signal : public testing::TestWithParam<ProgramKind> {
 protected:
  void SetUp() override { TFUNNEL_SKIP_UNLESS_PERMITTED(GetParam()); }
  /// Says Hello and waits until the program has understood it.
  void introduce(Program& program) {
    program.write(introduction(GetParam().far_role()));
    ASSERT_TRUE(program.said(GetParam().client ? "connected to" : "serving")) << program.errors();
  }
};

INSTANTIATE_TEST_SUITE_P(To, Signal, testing::ValuesIn(program_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(Signal, TerminationSaysGoAwayAndEndsWell) {
  for (const int number : {SIGTERM, SIGINT}) {
    Program program(GetParam());
    introduce(program);
    program.signal(number);
    EXPECT_EQ(program.wait(), code(ExitStatus::ok)) << program.errors();
    ASSERT_TRUE(program.last_words().has_value());
    EXPECT_EQ(program.last_words()->code(), wire::GoAway::CODE_SHUTDOWN);
  }
}

TEST_P(Signal, TerminationBeforeTheFarEndHasGreeted) {
  Program program(GetParam());
  ASSERT_TRUE(program.wait_output(16));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
}

TEST_P(Signal, TerminationWhileTheFarEndDoesNotReadIsStillQuick) {
  Program program(GetParam(), {}, Program::Output::small_socket);
  program.stop_reading();
  introduce(program);
  wire::Frame ping;
  ping.mutable_ping()->set_token(~0ULL);
  for (int i = 0; i < 8000; ++i) program.write_what_fits(delimited(ping));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
}

TEST_P(Signal, HangupIsIgnoredByTheProxyOnly) {
  Program program(GetParam());
  introduce(program);
  program.signal(SIGHUP);
  if (!GetParam().client) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(program.running());
    program.signal(SIGTERM);
  }
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
}

TEST_P(Signal, Usr1PrintsTheTableAndGoesOn) {
  Program program(GetParam());
  introduce(program);
  program.signal(SIGUSR1);
  EXPECT_TRUE(program.said("buffered: 0 of"));
  EXPECT_TRUE(program.running());
}

Bytes open_frames(const core::Endpoint& destination, std::size_t data) {
  wire::Frame tcp;
  tcp.mutable_open()->set_flow(1);
  tcp.mutable_open()->set_transport(wire::TRANSPORT_TCP);
  tcp.mutable_open()->set_early(60'000);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *tcp.mutable_open()->mutable_source());
  core::endpoint_to_wire(destination, *tcp.mutable_open()->mutable_destination());
  wire::Frame payload;
  payload.mutable_data()->set_flow(1);
  payload.mutable_data()->set_payload(std::string(data, 'x'));
  wire::Frame udp = tcp;
  udp.mutable_open()->set_flow(3);
  udp.mutable_open()->set_transport(wire::TRANSPORT_UDP);
  wire::Frame datagram;
  datagram.mutable_datagram()->set_flow(3);
  core::endpoint_to_wire(destination, *datagram.mutable_datagram()->mutable_peer());
  datagram.mutable_datagram()->set_payload("x");
  return delimited(tcp) + delimited(payload) + delimited(udp) + delimited(datagram);
}

// Only a sanitizer sees at the end if a reference dangles; the connection must be reset in any build.
TEST_P(Signal, TerminationWithLiveFlowsResetsThemAndEndsCleanly) {
  if (GetParam().client) GTEST_SKIP() << "a client needs captured traffic";
  Program program(GetParam(), {"--allow=127.0.0.0/8"});
  introduce(program);
  Server server;
  program.write(open_frames(server.endpoint(), 1000));
  auto far = server.accept();
  EXPECT_EQ(far.receive(1000).size(), 1000U);
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), code(ExitStatus::ok)) << program.errors();
  EXPECT_EQ(far.wait_end(), Ending::reset);
}

// It has data for a connection that cannot be made, which it says.
TEST_P(Signal, TerminationWhileConnectingEndsCleanly) {
  if (GetParam().client) GTEST_SKIP() << "a client needs captured traffic";
  Program program(GetParam(), {"-v", "--allow=127.0.0.0/8", "--linger=0"});
  introduce(program);
  BusyServer busy;
  program.write(open_frames(busy.endpoint(), 1000));
  EXPECT_TRUE(program.said("open: udp"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), code(ExitStatus::cut)) << program.errors();
  EXPECT_NE(program.errors().find("cut: 1000 bytes to "), std::string::npos) << program.errors();
}

TEST_P(Signal, LinkLostWithLiveFlowsResetsThem) {
  if (GetParam().client) GTEST_SKIP() << "a client needs captured traffic";
  Program program(GetParam(), {"--allow=127.0.0.0/8"});
  introduce(program);
  Server server;
  program.write(open_frames(server.endpoint(), 1000));
  auto far = server.accept();
  program.close_input();
  EXPECT_EQ(program.wait(), code(ExitStatus::link_lost)) << program.errors();
  EXPECT_EQ(far.wait_end(), Ending::reset);
}

}  // namespace
}  // namespace tfunnel::test
