// Urgent data of TCP (MSG_OOB) is a byte of the stream: it arrives in its place, and nothing behind it waits or is
// lost.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <numeric>

#include "tests/integration/support/program.hpp"
#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

/// Sizes of the pieces between urgent bytes.
using Pieces = std::vector<std::size_t>;

struct Script {
  std::string name;
  Pieces pieces;

  /// All bytes, the urgent ones among them.
  [[nodiscard]] Bytes whole() const {
    return pattern(std::accumulate(pieces.begin(), pieces.end(), pieces.size() - 1));
  }
};
void PrintTo(const Script& script, std::ostream* out) { *out << script.name; }

std::vector<Script> scripts() {
  constexpr std::size_t much = 3'000'000;
  return {{"First", {0, 100}},
          {"FirstOfMuch", {0, much}},
          {"Between", {3, 3}},
          {"BetweenMuch", {much, much}},
          {"Last", {3, 0}},
          {"LastOfMuch", {much, 0}},
          {"Alone", {0, 0}},
          {"EverySecondByte", Pieces(500, 1)},
          {"OneAfterTheOther", Pieces(100, 0)},
          {"OftenInMuch", Pieces(100, 30'000)}};
}

std::future<void> send_later(Socket& socket, const Script& script) {
  return std::async(std::launch::async, [&socket, &script] {
    const auto whole = script.whole();
    std::size_t at = 0;
    for (const auto size : script.pieces) {
      EXPECT_TRUE(socket.send(core::ByteView(whole).subspan(at, size)));
      at += size;
      if (at == whole.size()) break;
      EXPECT_EQ(::send(socket.fd(), &whole[at++], 1, MSG_OOB), 1);
    }
    socket.half_close();
  });
}

class Urgent : public testing::TestWithParam<std::tuple<LinkKind, Script>> {};

INSTANTIATE_TEST_SUITE_P(Over, Urgent, testing::Combine(testing::ValuesIn(all_links), testing::ValuesIn(scripts())),
                         [](const auto& kind) {
                           return std::string(std::get<0>(kind.param).name) + std::get<1>(kind.param).name;
                         });

TEST_P(Urgent, BytesArriveInTheirPlaceBothWays) {
  const auto& [link, script] = GetParam();
  Tunnel tunnel(link);
  Server server;
  auto near = tunnel.connect(server.endpoint());
  auto far = server.accept();
  auto sent_up = send_later(near, script);
  auto received_up = std::async(std::launch::async, [&] { return far.receive_all(); });
  auto sent_down = send_later(far, script);
  EXPECT_EQ(near.receive_all(), script.whole());
  EXPECT_EQ(received_up.get(), script.whole());
  sent_up.get();
  sent_down.get();
  EXPECT_TRUE(eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; }));
}

// The flow ends only once all has arrived, although its end is there when the urgent byte is met.
TEST_P(Urgent, ReceiverThatStartsLateMissesNothing) {
  const auto& [link, script] = GetParam();
  if (script.whole().size() > 60'000) GTEST_SKIP() << "more than waits in a window";
  Tunnel tunnel(link);
  Server server;
  auto near = tunnel.connect(server.endpoint());
  send_later(near, script).get();
  EXPECT_EQ(server.accept().receive_all(), script.whole());
}

class UrgentOnLink : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(By, UrgentOnLink, testing::Values("auto", "copy"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(UrgentOnLink, IsAByteOfTheLink) {
  Program program(program_kinds().at(0), {"--allow=127.0.0.0/8", std::string("--data-path=") + GetParam()},
                  Program::Output::tcp);
  Server server;
  const auto payload = pattern(60'000);
  wire::Frame open;
  open.mutable_open()->set_flow(1);
  open.mutable_open()->set_transport(wire::TRANSPORT_TCP);
  open.mutable_open()->set_early(60'000);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *open.mutable_open()->mutable_source());
  core::endpoint_to_wire(server.endpoint(), *open.mutable_open()->mutable_destination());
  wire::Frame data;
  data.mutable_data()->set_flow(1);
  data.mutable_data()->set_payload(payload.data(), payload.size());
  ASSERT_TRUE(program.write(introduction(wire::ROLE_CLIENT) + delimited(open)));
  auto far = server.accept();
  const auto message = delimited(data);
  for (std::size_t at = 0; at < message.size(); at += 20'000) {
    const auto end = std::min(at + 20'000, message.size());
    ASSERT_TRUE(program.write(Bytes(message.begin() + static_cast<std::ptrdiff_t>(at),
                                    message.begin() + static_cast<std::ptrdiff_t>(end - 1))));
    ASSERT_TRUE(program.write_urgent(message[end - 1]));
  }
  EXPECT_EQ(far.receive(payload.size()), payload);
}

}  // namespace
}  // namespace tfunnel::test
