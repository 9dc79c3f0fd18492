// When the tunnel itself ends, applications learn it as a reset, never as a clean end of their data.
#include <gtest/gtest.h>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

TEST(LinkEnd, ShutdownResetsTheApplicationsOnBothSidesAndBothEndWell) {
  for (const auto& kind : all_links) {
    Tunnel tunnel(kind);
    Server server;
    auto near = tunnel.connect(server.endpoint());
    auto far = server.accept();
    near.send(bytes_of("x"));
    EXPECT_EQ(far.receive(1), bytes_of("x"));
    const auto statuses = tunnel.shut_down();
    EXPECT_EQ(statuses[0], io::ExitStatus::ok);
    EXPECT_EQ(statuses[1], io::ExitStatus::ok);
    EXPECT_EQ(near.wait_end(), Ending::reset);
    EXPECT_EQ(far.wait_end(), Ending::reset);
  }
}

TEST(LinkEnd, TunnelsThatComeAndGoLeakNoDescriptors) {
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    Tunnel tunnel(i % 2 == 0 ? over_socketpair : over_pipes);
    Server server;
    auto near = tunnel.connect(server.endpoint());
    auto far = server.accept();
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace tfunnel::test
