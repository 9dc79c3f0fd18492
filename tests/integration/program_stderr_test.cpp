// Standard error belongs to others, too, and nobody has to read it: no log line may hold the tunnel up, get lost in
// silence or come in pieces, and no flood may fill it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/core/greeting.hpp"
#include "tests/integration/support/program.hpp"

namespace tfunnel::test {
namespace {

using io::ExitStatus;

const auto denied = endpoint("169.254.169.254", 80);

Program::Ends open_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  return {ends[0], ends[1]};
}

/// Writes until nothing fits any more, and leaves the flags as they were.
Program::Ends filled(Program::Ends ends) {
  const int flags = ::fcntl(ends.write, F_GETFL);
  ::fcntl(ends.write, F_SETFL, flags | O_NONBLOCK);
  while (::write(ends.write, "filler\n", 7) > 0) {
  }
  ::fcntl(ends.write, F_SETFL, flags);
  return ends;
}

Program::Ends full_socket() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  return filled({ends[0], ends[1]});
}

/// Somebody pressed Ctrl-S. The read end is the terminal's master.
Program::Ends stopped_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_EQ(::grantpt(master), 0);
  EXPECT_EQ(::unlockpt(master), 0);
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  EXPECT_EQ(::write(master, "\x13", 1), 1);
  return {master, slave};
}

/// A kind of standard error that takes nothing, and what makes it take something again.
struct Unread {
  std::string name;
  Program::Ends (*open)();
  void (*wake_up)(int read_end);
};

/// For gtest's messages.
void PrintTo(const Unread& kind, std::ostream* out) { *out << kind.name; }

std::vector<Unread> unread_kinds() {
  const auto reading_suffices = [](int) {};
  const auto press_ctrl_q = [](int master) { EXPECT_EQ(::write(master, "\x11", 1), 1); };
  return {{"Pipe", [] { return filled(open_pipe()); }, reading_suffices},
          {"Socket", full_socket, reading_suffices},
          {"Terminal", stopped_terminal, press_ctrl_q}};
}

Bytes open_frame(core::FlowId id, wire::Transport transport, const core::Endpoint& destination) {
  wire::Frame frame;
  auto& open = *frame.mutable_open();
  open.set_flow(id);
  open.set_transport(transport);
  open.set_early(1000);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *open.mutable_source());
  if (transport == wire::TRANSPORT_TCP) core::endpoint_to_wire(destination, *open.mutable_destination());
  return delimited(frame);
}

Bytes reset_frame(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_reset()->set_flow(id);
  frame.mutable_reset()->set_reason(wire::REASON_CANCELLED);
  return delimited(frame);
}

Bytes data_frame(core::FlowId id, const std::string& payload) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(id);
  frame.mutable_data()->set_payload(payload);
  return delimited(frame);
}

Bytes datagram_frame(core::FlowId id, const core::Endpoint& peer) {
  wire::Frame frame;
  frame.mutable_datagram()->set_flow(id);
  core::endpoint_to_wire(peer, *frame.mutable_datagram()->mutable_peer());
  frame.mutable_datagram()->set_payload("x");
  return delimited(frame);
}

/// The client at the other end of the program's link.
class Client {
 public:
  explicit Client(Program& program) : program_(program) { program.write(introduction(wire::ROLE_CLIENT)); }

  /// A flow that the rules of the program refuse. The client's own end is said as well, so that the flows are over.
  void open_denied(int count) {
    Bytes frames;
    for (int i = 0; i < count; ++i) {
      const auto id = next_id();
      append(frames, open_frame(id, wire::TRANSPORT_TCP, denied) + reset_frame(id));
    }
    program_.write(frames);
  }
  void open_udp(int count) {
    Bytes frames;
    for (int i = 0; i < count; ++i) append(frames, open_frame(next_id(), wire::TRANSPORT_UDP, {}));
    program_.write(frames);
  }
  core::FlowId next_id() { return id_ += 2; }

  /// True if the program has read all that was written so far, and answered.
  bool is_answered() {
    wire::Frame ping;
    ping.mutable_ping()->set_token(++token_);
    wire::Frame pong;
    pong.mutable_pong()->set_token(token_);
    const auto wanted = delimited(pong);
    program_.write(delimited(ping));
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::size_t seen = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto& output = program_.output();
      if (std::search(output.begin(), output.end(), wanted.begin(), wanted.end()) != output.end()) return true;
      // A sender that is not told of the arrival stops sending.
      if (output.size() > std::max<std::size_t>(seen, 16)) acknowledge(seen = output.size());
      program_.wait_output(output.size() + 1);
    }
    return false;
  }

 private:
  void acknowledge(std::size_t received) {
    wire::Frame ack;
    ack.mutable_ack()->set_bytes(received - core::greeting().size());
    const auto clock = std::chrono::steady_clock::now().time_since_epoch();
    ack.mutable_ack()->set_time(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(clock).count()));
    program_.write(delimited(ack));
  }

  Program& program_;
  core::FlowId id_ = 1;
  std::uint64_t token_ = 0xabcdef0123456700;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
    if (lines.back().ends_with('\r')) lines.back().pop_back();  // from a terminal
  }
  return lines;
}

std::size_t count_with(const std::vector<std::string>& lines, const std::string& part) {
  return static_cast<std::size_t>(std::ranges::count_if(lines, [&](const auto& line) {
    return line.find(part) != std::string::npos && line.find("such lines") == std::string::npos;
  }));
}

/// The numbers in front of `words`, added up.
std::size_t sum_told(const std::string& text, const std::string& words) {
  std::size_t sum = 0;
  for (auto end = text.find(' ' + words); end != std::string::npos; end = text.find(' ' + words, end + 1)) {
    const auto begin = text.find_last_not_of("0123456789", end - 1) + 1;
    if (begin < end) sum += std::stoul(text.substr(begin, end - begin));
  }
  return sum;
}

/// The sanitizer warns once of what Boost.Context does, and waits until that is read.
bool waits_by_itself() {
#ifdef __SANITIZE_ADDRESS__
  return true;
#else
  return false;
#endif
}

class UnreadErrors : public testing::TestWithParam<Unread> {
 protected:
  void SetUp() override {
    if (waits_by_itself()) GTEST_SKIP() << "the sanitizer waits for its reader";
  }
  const ProgramKind kind_ = program_kinds().at(0);
};

INSTANTIATE_TEST_SUITE_P(Of, UnreadErrors, testing::ValuesIn(unread_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(UnreadErrors, FlowsGoOnAndNoLineIsLost) {
  const auto errors = GetParam().open();
  Program program(kind_, {"-v", "--allow=127.0.0.0/8"}, errors);
  Client client(program);
  client.open_denied(1000);
  Server server;
  const auto id = client.next_id();
  program.write(open_frame(id, wire::TRANSPORT_TCP, server.endpoint()) + data_frame(id, "hello"));
  EXPECT_EQ(server.accept().receive(5), bytes_of("hello"));
  EXPECT_TRUE(client.is_answered());
  EXPECT_TRUE(program.errors().empty());
  GetParam().wake_up(errors.read);
  program.read_errors();
  EXPECT_TRUE(program.said("open: tcp 192.0.2.1:1 -> " + server.endpoint().text()));
  const auto lines = lines_of(program.errors());
  EXPECT_EQ(count_with(lines, "refused: tcp 192.0.2.1:1 -> 169.254.169.254:80 reason="), 1000U);
  for (const auto& line : lines) EXPECT_TRUE(line.starts_with("filler") || line.starts_with("tfunnel proxy: ")) << line;
}

TEST_P(UnreadErrors, DoNotHoldUpTheEnd) {
  Program program(kind_, {"-v"}, GetParam().open());
  Client client(program);
  ASSERT_TRUE(client.is_answered());
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), code(ExitStatus::ok));
}

TEST_P(UnreadErrors, DoNotHoldUpAMistakeOfTheUsers) {
  Program program(kind_, {"--no-such-option"}, GetParam().open());
  EXPECT_TRUE(eventually([&] { return !program.running(); }));
  EXPECT_EQ(program.wait(), code(ExitStatus::usage));
}

class Errors : public testing::TestWithParam<ProgramKind> {
 protected:
  void SetUp() override {
    if (GetParam().client) GTEST_SKIP() << "a client needs captured traffic";
  }
};

INSTANTIATE_TEST_SUITE_P(To, Errors, testing::ValuesIn(program_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(Errors, TableOfManyFlowsArrivesWholeAlthoughItIsReadLate) {
  if (waits_by_itself()) GTEST_SKIP() << "the sanitizer waits for its reader";
  constexpr std::size_t count = 2000;
  Program program(GetParam(), {}, open_pipe());
  Client client(program);
  client.open_udp(count);
  ASSERT_TRUE(client.is_answered());
  program.signal(SIGUSR1);
  // In the middle of the table the pipe is full.
  EXPECT_TRUE(client.is_answered());
  program.read_errors();
  ASSERT_TRUE(program.said("buffered: "));
  EXPECT_TRUE(client.is_answered());
  const auto lines = lines_of(program.errors());
  const std::string flow = "  flow ";
  std::vector<unsigned long> ids;
  for (const auto& line : lines) {
    if (!line.starts_with(flow)) continue;
    std::size_t digits = 0;
    ids.push_back(std::stoul(line.substr(flow.size()), &digits));
    EXPECT_TRUE(line.substr(flow.size() + digits).starts_with("  udp 192.0.2.1:1  sent 0  received 0")) << line;
  }
  EXPECT_EQ(ids.size(), count);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST_P(Errors, LinesWithoutRoomAreCountedAndToldWhenThereIsRoom) {
  if (waits_by_itself()) GTEST_SKIP() << "the sanitizer waits for its reader";
  constexpr int count = 30'000;
  Program program(GetParam(), {"-v", "--log-format=json"}, filled(open_pipe()));
  Client client(program);
  for (int i = 0; i < count; i += 1000) {
    client.open_denied(1000);
    ASSERT_TRUE(client.is_answered());
  }
  program.read_errors();
  ASSERT_TRUE(program.said("lines were lost"));
  const auto lines = lines_of(program.errors());
  const auto written = count_with(lines, R"("message":"refused")");
  EXPECT_LT(written, static_cast<std::size_t>(count));
  EXPECT_EQ(written + sum_told(program.errors(), "lines were lost"), static_cast<std::size_t>(count));
  for (const auto& line : lines)
    EXPECT_TRUE(line == "filler" || (line.starts_with('{') && line.ends_with('}'))) << line;
  EXPECT_TRUE(client.is_answered());
}

// Ssh, a shell and all that it started may hold the same description.
TEST_P(Errors, FlagsOfTheSharedStreamStayAsTheyWere) {
  if (waits_by_itself()) GTEST_SKIP() << "the sanitizer waits for its reader";
  const auto errors = open_pipe();
  const int shared = ::dup(errors.write);
  Program program(GetParam(), {"-v"}, filled(errors));
  Client client(program);
  client.open_denied(10);
  EXPECT_TRUE(client.is_answered());
  EXPECT_EQ(::fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
  ::close(shared);
}

TEST_P(Errors, FloodIsThinnedAndToldOfWhenItIsOver) {
  constexpr std::size_t count = 5000;
  Program program(GetParam());
  Client client(program);
  client.open_denied(count);
  ASSERT_TRUE(client.is_answered());
  // No further line causes it.
  ASSERT_TRUE(eventually([&] {
    program.said("such lines");
    return sum_told(program.errors(), "more such lines") + count_with(lines_of(program.errors()), "refused: ") == count;
  })) << program.errors();
  EXPECT_LT(count_with(lines_of(program.errors()), "refused: "), count / 2);
}

TEST_P(Errors, FloodOfOneKindHidesNoOther) {
  Program program(GetParam());
  Client client(program);
  const auto flow = client.next_id();
  client.open_denied(1000);
  program.write(open_frame(flow + 2002, wire::TRANSPORT_UDP, {}) + datagram_frame(flow + 2002, denied));
  EXPECT_TRUE(program.said("refused: udp 192.0.2.1:1 -> 169.254.169.254:80")) << program.errors();
}

}  // namespace
}  // namespace tfunnel::test
