// The programs against far ends that are broken, hostile, foreign or gone: one clear line, the documented
// status, and never a hang.
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "common/core/greeting.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/program.hpp"

namespace tfunnel::test {
namespace {

using io::ExitStatus;

/// Lines that a user would see; a sanitizer's remark about coroutines is none.
std::size_t lines(const std::string& text) {
  std::istringstream stream(text);
  std::size_t count = 0;
  for (std::string line; std::getline(stream, line);) count += line.find("ASan") == std::string::npos ? 1U : 0U;
  return count;
}

class FarEnd : public testing::TestWithParam<ProgramKind> {
 protected:
  void SetUp() override { TFUNNEL_SKIP_UNLESS_PERMITTED(GetParam()); }
  [[nodiscard]] Bytes hello() const { return introduction(GetParam().far_role()); }

  /// Says `bytes`, ends the link, and expects `status` with `line` on standard error.
  void expect_end(const Bytes& bytes, ExitStatus status, const std::string& line) {
    Program program(GetParam());
    program.write(bytes);
    program.close_input();
    EXPECT_EQ(program.wait(), code(status));
    EXPECT_NE(program.errors().find(line), std::string::npos) << program.errors();
    EXPECT_LE(lines(program.errors()), 3U) << program.errors();
  }

  /// The same for a fault in the frames: the far end is told with a GoAway, and the link stays open.
  void expect_protocol_error(const Bytes& frames, const std::string& line) {
    Program program(GetParam());
    program.write(hello() + frames);
    EXPECT_EQ(program.wait(), code(ExitStatus::protocol));
    EXPECT_NE(program.errors().find(line), std::string::npos) << program.errors();
    const auto words = program.last_words();
    ASSERT_TRUE(words.has_value()) << "no GoAway";
    EXPECT_EQ(words->code(), wire::GoAway::CODE_PROTOCOL_ERROR);
    EXPECT_NE(words->message().find(line), std::string::npos) << words->message();
  }
};

INSTANTIATE_TEST_SUITE_P(Of, FarEnd, testing::ValuesIn(program_kinds()),
                         [](const auto& kind) { return kind.param.name; });

wire::Frame ping() {
  wire::Frame frame;
  frame.mutable_ping()->set_token(~0ULL);
  return frame;
}

wire::Frame open(core::FlowId id, const core::Endpoint& destination) {
  wire::Frame frame;
  auto& message = *frame.mutable_open();
  message.set_flow(id);
  message.set_transport(wire::TRANSPORT_TCP);
  message.set_credit(65'536);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *message.mutable_source());
  core::endpoint_to_wire(destination, *message.mutable_destination());
  return frame;
}

wire::Frame data(core::FlowId id, std::size_t size) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(id);
  frame.mutable_data()->set_payload(std::string(size, 'x'));
  return frame;
}

Bytes go_away(wire::GoAway::Code code) {
  wire::Frame frame;
  frame.mutable_go_away()->set_code(code);
  frame.mutable_go_away()->set_message("for a reason");
  return delimited(frame);
}

// A far end's starter has tfunnel.
TEST_P(FarEnd, ThatEndsBeforeItSaidAnything) {
  const bool is_client = GetParam().far_role() == wire::ROLE_CLIENT;
  expect_end({}, ExitStatus::link_lost,
             is_client ? "before the client said anything\n" : "is tfunnel installed there?");
}

TEST_P(FarEnd, ThatIsAShellSayingCommandNotFound) {
  expect_end(bytes_of("bash: tfunnel: command not found\n"), ExitStatus::protocol, "command not found");
}

TEST_P(FarEnd, ThatSendsRandomBytes) {
  Random random(11);
  expect_end(random.bytes(100'000), ExitStatus::protocol, "is no tfunnel");
}

TEST_P(FarEnd, ThatSendsRandomBytesBehindItsGreeting) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Program program(GetParam());
    program.write(hello() + Random(seed).bytes(5000));
    program.close_input();
    const auto status = program.wait();
    EXPECT_TRUE(status == code(ExitStatus::protocol) || status == code(ExitStatus::link_lost)) << status;
    EXPECT_FALSE(program.errors().empty());
  }
}

TEST_P(FarEnd, BehindALoginBanner) {
  expect_end(bytes_of("Welcome!\r\n") + hello() + go_away(wire::GoAway::CODE_SHUTDOWN), ExitStatus::ok,
             "skipped before the greeting: \"Welcome!\\r\\n\"");
}

TEST_P(FarEnd, OfAnotherVersion) {
  const auto greeting = core::greeting(7);
  expect_end({greeting.begin(), greeting.end()}, ExitStatus::protocol, "version 7");
}

TEST_P(FarEnd, ThatEndsAfterItsGreeting) { expect_end(hello(), ExitStatus::link_lost, "the link ended"); }

TEST_P(FarEnd, ThatEndsInTheMiddleOfAFrame) {
  const auto frame = delimited(ping());
  for (std::size_t n = 1; n < frame.size(); n += 3) {
    expect_end(hello() + Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n)), ExitStatus::link_lost,
               "the link ended");
  }
}

TEST_P(FarEnd, ThatSendsAnOversizeFrame) {
  expect_protocol_error(bytes_of(varint(core::max_frame_size + 1)), "larger than 1 MiB");
}

TEST_P(FarEnd, ThatSendsNoMessage) { expect_protocol_error(delimited("\x0a\x7f"), "cannot be parsed"); }

TEST_P(FarEnd, ThatSendsTextThatIsNoneGetsOneLineOfOurs) {
  // A GoAway (field 13) whose message (field 2) is a single byte 0xff.
  Program program(GetParam());
  program.write(hello() + delimited("\x6a\x03\x12\x01\xff"));
  EXPECT_EQ(program.wait(), code(ExitStatus::protocol));
  EXPECT_NE(program.errors().find("cannot be parsed"), std::string::npos) << program.errors();
  EXPECT_EQ(program.errors().find("libprotobuf"), std::string::npos) << program.errors();
}

TEST_P(FarEnd, ThatNamesAFlowThatWasNeverOpened) {
  expect_protocol_error(delimited(data(77, 1)), "a flow that was never opened");
}

TEST_P(FarEnd, OfTheSameRole) {
  Program program(GetParam());
  program.write(introduction(GetParam().client ? wire::ROLE_CLIENT : wire::ROLE_PROXY));
  EXPECT_EQ(program.wait(), code(ExitStatus::protocol));
  EXPECT_NE(program.errors().find("same command on both sides"), std::string::npos) << program.errors();
}

TEST_P(FarEnd, ThatOverrunsItsCredit) {
  if (GetParam().client) GTEST_SKIP() << "the far end of a client opens no flows";
  Server server;
  expect_protocol_error(delimited(open(1, server.endpoint())) + delimited(data(1, 100'000)), "more data arrived");
}

TEST_P(FarEnd, ThatSendsADatagramWhichNoPacketCanCarryIsTold) {
  if (GetParam().client) GTEST_SKIP() << "the far end of a client opens no flows";
  auto server = bound_socket(SOCK_DGRAM);
  wire::Frame opening;
  opening.mutable_open()->set_flow(1);
  opening.mutable_open()->set_transport(wire::TRANSPORT_UDP);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *opening.mutable_open()->mutable_source());
  wire::Frame datagram;
  datagram.mutable_datagram()->set_flow(1);
  core::endpoint_to_wire(server.local(), *datagram.mutable_datagram()->mutable_peer());
  datagram.mutable_datagram()->set_payload(std::string(core::max_datagram_payload, 'x'));
  Program program(GetParam(), {"--allow", "127.0.0.1"});
  program.write(hello() + delimited(opening) + delimited(datagram));
  datagram.mutable_datagram()->set_payload("small");
  program.write(delimited(datagram));
  EXPECT_EQ(receive_letter(server).payload, bytes_of("small"));
  program.write(go_away(wire::GoAway::CODE_SHUTDOWN));
  EXPECT_EQ(program.wait(), code(ExitStatus::ok)) << program.errors();
}

TEST_P(FarEnd, ThatSaysGoAway) {
  expect_end(hello() + go_away(wire::GoAway::CODE_SHUTDOWN), ExitStatus::ok, "for a reason");
  expect_end(hello() + go_away(wire::GoAway::CODE_TIMED_OUT), ExitStatus::link_lost, "for a reason");
  expect_end(hello() + go_away(wire::GoAway::CODE_PROTOCOL_ERROR), ExitStatus::protocol, "for a reason");
}

TEST_P(FarEnd, ThatGoesOnAfterItsGoAwayChangesNothing) {
  Program program(GetParam());
  program.write(hello() + go_away(wire::GoAway::CODE_SHUTDOWN) + delimited(data(1, 10)));
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
  EXPECT_EQ(program.errors().find("protocol error"), std::string::npos) << program.errors();
}

TEST_P(FarEnd, ThatNeverGreets) {
  Program program(GetParam(), {"--greeting-timeout", "0.2"});
  EXPECT_EQ(program.wait(), code(ExitStatus::link_lost));
  EXPECT_NE(program.errors().find("has not greeted in time"), std::string::npos) << program.errors();
}

TEST_P(FarEnd, ThatGreetsButNeverSaysHelloIsGivenUpToo) {
  Program program(GetParam(), {"--greeting-timeout", "0.2", "--keepalive", "0.2", "--keepalive-timeout", "0.5"});
  const auto greeting = core::greeting();
  program.write({greeting.begin(), greeting.end()});
  EXPECT_EQ(program.wait(), code(ExitStatus::link_lost));
}

TEST_P(FarEnd, ThatFallsSilentIsPingedAndGivenUp) {
  Program program(GetParam(), {"--keepalive", "0.1", "--keepalive-timeout", "0.4"});
  program.write(hello());
  EXPECT_EQ(program.wait(), code(ExitStatus::link_lost));
  EXPECT_NE(program.errors().find("has been silent"), std::string::npos) << program.errors();
  EXPECT_EQ(program.last_words()->code(), wire::GoAway::CODE_TIMED_OUT);
}

TEST_P(FarEnd, ThatAnswersIsNotGivenUp) {
  Program program(GetParam(), {"--keepalive", "0.2", "--keepalive-timeout", "1"});
  program.write(hello());
  for (int i = 0; i < 100; ++i) {
    program.write(delimited(ping()));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(program.running());
}

TEST_P(FarEnd, ThatNeverReadsIsGivenUpAndDoesNotFillMemory) {
  Program program(GetParam(), {"--keepalive", "0.1", "--keepalive-timeout", "0.5"}, Program::Output::small_socket);
  program.stop_reading();
  program.write(hello());
  // Each piece of input gets an answer until the socket is full; then they merge into one that waits.
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (program.running() && std::chrono::steady_clock::now() < deadline) {
    program.write_what_fits(delimited(ping()));
    std::this_thread::sleep_for(std::chrono::microseconds(30));
  }
  EXPECT_EQ(program.wait(), code(ExitStatus::protocol));
  EXPECT_NE(program.errors().find("has read nothing"), std::string::npos) << program.errors();
}

/// The next request's head.
std::string request_at(Socket& upstream) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const auto byte = upstream.receive(1);
    if (byte.empty()) break;
    head += static_cast<char>(byte[0]);
  }
  return head;
}

std::vector<std::string> by_way_of(const Server& upstream) {
  return {"--proxy-names", "never", "--http-proxy", "http://u:p@127.0.0.1:" + std::to_string(upstream.endpoint().port)};
}

// The coroutines of the flows are unwound behind all that they refer to.
TEST_P(FarEnd, ThatEndsWhileAPasswordIsTriedAndAwaited) {
  if (GetParam().client) GTEST_SKIP() << "the far end of a client opens no flows";
  Server server;
  Program program(GetParam(), by_way_of(server));
  program.write(hello());
  const auto wants_password =
      bytes_of("HTTP/1.1 407 A\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n");
  program.write(delimited(open(1, endpoint("203.0.113.1", 443))));
  auto first = server.accept();
  request_at(first);
  first.send(wants_password);
  EXPECT_NE(request_at(first).find("Proxy-Authorization"), std::string::npos);
  program.write(delimited(open(3, endpoint("203.0.113.2", 443))));
  auto second = server.accept();
  request_at(second);
  second.send(wants_password);
  program.write(go_away(wire::GoAway::CODE_SHUTDOWN));
  program.close_input();
  EXPECT_EQ(program.wait(), code(ExitStatus::ok)) << program.errors();
}

TEST_P(FarEnd, IsToldInWordsWhyAnUpstreamRefuses) {
  if (GetParam().client) GTEST_SKIP() << "the far end of a client opens no flows";
  Server server;
  Program program(GetParam(), by_way_of(server));
  program.write(hello() + delimited(open(1, endpoint("203.0.113.1", 80))));
  auto upstream = server.accept();
  request_at(upstream);
  upstream.send(bytes_of("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(program.said("warning: HTTP proxy"));
  // The words alone are longer than all that comes before them.
  EXPECT_TRUE(program.wait_output(180));
  program.write(go_away(wire::GoAway::CODE_SHUTDOWN));
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
  const auto& output = program.output();
  EXPECT_NE(std::string(output.begin(), output.end()).find("(403), or not to this destination: Forbidden"),
            std::string::npos);
}

}  // namespace
}  // namespace tfunnel::test
