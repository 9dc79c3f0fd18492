// A destination that the rules deny ends as denied, and virtual addresses are translated both ways.
#include <gtest/gtest.h>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

proxy::AccessOptions deny_all_loopback() { return {}; }

proxy::AccessOptions far_loopback() {
  proxy::AccessOptions options;
  options.loopback.offered = true;
  return options;
}

/// An answer to whatever arrives next at `server`; false if nothing did.
bool answer_next(Socket& server, const Bytes& answer) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  std::array<char, 100> buffer{};
  if (::recvfrom(server.fd(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size) < 0)
    return false;
  ::sendto(server.fd(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  return true;
}

TEST(Access, LoopbackServiceOfTheFarHostIsOutOfReachByDefault) {
  Tunnel tunnel(over_pipes, {.access = deny_all_loopback()});
  Server server;
  auto near = tunnel.connect(server.endpoint());
  EXPECT_EQ(near.wait_end(), Ending::reset);
  EXPECT_FALSE(server.called(std::chrono::milliseconds(0)));
}

TEST(Access, UnspecifiedAddressIsNoWayToTheLoopback) {
  Tunnel tunnel(over_pipes, {.access = deny_all_loopback()});
  Server server;
  auto near = tunnel.connect({endpoint("0.0.0.0", 0).address, server.endpoint().port});
  EXPECT_EQ(near.wait_end(), Ending::reset);
  EXPECT_FALSE(server.called(std::chrono::milliseconds(0)));
}

TEST(Access, DeniedDatagramIsAnErrorAndNeverArrives) {
  Tunnel tunnel(over_pipes, {.access = deny_all_loopback()});
  auto server = bound_socket(SOCK_DGRAM);
  const auto application = tunnel.udp_application();
  tunnel.call([&] { application->send(server.local(), bytes_of("x")); });
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return application->errors.size(); }) == 1; }));
  EXPECT_EQ(application->errors[0], std::make_pair(server.local(), core::Reason::denied));
  std::array<char, 1> nothing{};
  EXPECT_LT(::recv(server.fd(), nothing.data(), 1, MSG_DONTWAIT), 0);
}

class FarLoopback : public testing::TestWithParam<std::pair<const char*, const char*>> {};
INSTANTIATE_TEST_SUITE_P(Family, FarLoopback,
                         testing::Values(std::pair("198.18.0.1", "127.0.0.1"), std::pair("2001:2::1", "::1")),
                         [](const auto& pair) { return std::string(pair.index == 0 ? "Ipv4" : "Ipv6"); });

TEST_P(FarLoopback, TcpServiceIsReachedAtTheVirtualAddress) {
  Tunnel tunnel(over_pipes, {.access = far_loopback()});
  Server server(512, GetParam().second);
  auto near = tunnel.connect(endpoint(GetParam().first, server.endpoint().port));
  auto far = server.accept();
  near.send(bytes_of("hello"));
  EXPECT_EQ(far.receive(5), bytes_of("hello"));
}

TEST_P(FarLoopback, UdpAnswersComeFromTheVirtualAddress) {
  Tunnel tunnel(over_pipes, {.access = far_loopback()});
  auto server = bound_socket(SOCK_DGRAM, GetParam().second);
  const auto shown = endpoint(GetParam().first, server.local().port);
  const auto application = tunnel.udp_application();
  tunnel.call([&] { application->send(shown, bytes_of("x")); });
  ASSERT_TRUE(answer_next(server, bytes_of("answer")));
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return application->datagrams.size(); }) == 1; }));
  EXPECT_EQ(application->datagrams[0], std::make_pair(shown, bytes_of("answer")));
}

#ifdef __linux__
TEST_P(FarLoopback, UdpErrorsNameTheVirtualAddress) {
#ifdef TFUNNEL_POSIX_FILES
  GTEST_SKIP() << "POSIX does not tell an unconnected socket which peer refused";
#endif
  Tunnel tunnel(over_pipes, {.access = far_loopback()});
  const auto shown = endpoint(GetParam().first, closed_endpoint(SOCK_DGRAM, GetParam().second).port);
  const auto application = tunnel.udp_application();
  tunnel.call([&] { application->send(shown, bytes_of("x")); });
  ASSERT_TRUE(eventually([&] { return tunnel.call([&] { return application->errors.size(); }) == 1; }));
  EXPECT_EQ(application->errors[0], std::make_pair(shown, core::Reason::refused));
}
#endif

}  // namespace
}  // namespace tfunnel::test
