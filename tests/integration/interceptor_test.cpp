// Interceptors see, change and end flows, and TCP stays what it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/integration/support/tunnel.hpp"

namespace tfunnel::test {
namespace {

using proxy::InterceptedFlow;
using proxy::Way;

/// An interceptor made of functions; what is not given passes.
struct Parts {
  std::function<void(InterceptedFlow&, Way, const Bytes&)> on_bytes;
  std::function<void(InterceptedFlow&, Way)> on_end;
};

class Factory final : public proxy::InterceptorFactory {
 public:
  std::unique_ptr<proxy::Interceptor> intercept(const proxy::Target& target) override {
    last_target = target.destination;
    return wanted ? std::make_unique<Of>(parts, live) : nullptr;
  }
  Parts parts;
  bool wanted = true;
  int live = 0;
  core::Endpoint last_target;

 private:
  struct Of final : proxy::Interceptor {
    Of(const Parts& parts_, int& live_) : parts(parts_), live(live_) { ++live; }
    ~Of() override { --live; }
    void on_bytes(InterceptedFlow& flow, Way way, core::ByteView bytes) override {
      if (!parts.on_bytes) return Interceptor::on_bytes(flow, way, bytes);
      parts.on_bytes(flow, way, Bytes(bytes.begin(), bytes.end()));
    }
    void on_end(InterceptedFlow& flow, Way way) override {
      parts.on_end ? parts.on_end(flow, way) : Interceptor::on_end(flow, way);
    }
    const Parts& parts;
    int& live;
  };
};

class Intercepted : public testing::TestWithParam<LinkKind> {
 protected:
  static Tunnel::Terms terms(Factory& factory) {
    Tunnel::Terms terms;
    terms.interceptors = &factory;
    return terms;
  }
  void connect() {
    application = tunnel.connect(server.endpoint());
    peer = server.accept();
  }
  bool all_over() {
    return eventually([&] { return tunnel.call([&] { return factory.live; }) == 0; }) &&
           eventually([&] { return tunnel.client_flows() + tunnel.proxy_flows() == 0; });
  }

  Factory factory;
  Server server;
  Tunnel tunnel{GetParam(), terms(factory)};
  Socket application;
  Socket peer;
};

INSTANTIATE_TEST_SUITE_P(Over, Intercepted, testing::Values(over_socketpair, over_pipes),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(Intercepted, BytesPassBothWaysAndHalfClosesStayHalf) {
  connect();
  const auto there = pattern(300'000);
  const auto back = pattern(200'000, 5);
  std::thread sender([&] {
    application.send(there);
    application.half_close();
  });
  EXPECT_EQ(peer.receive_all(), there);
  sender.join();
  peer.send(back);
  peer.half_close();
  EXPECT_EQ(application.receive_all(), back);
  EXPECT_TRUE(all_over());
  EXPECT_EQ(factory.last_target, server.endpoint());
}

TEST_P(Intercepted, BytesAreChangedInsertedAndSwallowed) {
  factory.parts.on_bytes = [](InterceptedFlow& flow, Way way, Bytes bytes) {
    if (way == Way::to_application)
      return flow.send(way, bytes_of("[" + std::string(bytes.begin(), bytes.end()) + "]"));
    std::erase(bytes, std::uint8_t{'x'});
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(std::toupper(byte));
    flow.send(way, bytes);
  };
  factory.parts.on_end = [](InterceptedFlow& flow, Way way) {
    if (way == Way::to_destination) flow.send(way, bytes_of("."));
    flow.finish(way);
  };
  connect();
  application.send(bytes_of("axbxc"));
  EXPECT_EQ(peer.receive(3), bytes_of("ABC"));
  peer.send(bytes_of("hi"));
  EXPECT_EQ(application.receive(4), bytes_of("[hi]"));
  application.half_close();
  EXPECT_EQ(peer.receive_all(), bytes_of("."));
}

TEST_P(Intercepted, InterceptorMayAnswerInPlaceOfTheDestination) {
  factory.parts.on_bytes = [](InterceptedFlow& flow, Way way, const Bytes&) {
    if (way != Way::to_destination) return;
    flow.send(Way::to_application, bytes_of("HTTP/1.1 403 Forbidden\r\n\r\n"));
    flow.finish(Way::to_application);
    flow.finish(Way::to_destination);
  };
  connect();
  application.send(bytes_of("GET /"));
  Ending ending{};
  EXPECT_EQ(application.receive_all(&ending), bytes_of("HTTP/1.1 403 Forbidden\r\n\r\n"));
  EXPECT_EQ(ending, Ending::eof);
  EXPECT_EQ(peer.receive_all(&ending), Bytes());
  EXPECT_EQ(ending, Ending::eof);
  application.send(bytes_of("dropped"));
  application.close();
  peer.close();
  EXPECT_TRUE(all_over());
}

TEST_P(Intercepted, InterceptorMayResetTheFlow) {
  factory.parts.on_bytes = [](InterceptedFlow& flow, Way, const Bytes&) { flow.reset(); };
  connect();
  application.send(bytes_of("x"));
  EXPECT_EQ(application.wait_end(), Ending::reset);
  EXPECT_EQ(peer.wait_end(), Ending::reset);
  EXPECT_TRUE(all_over());
}

TEST_P(Intercepted, ResetOfEitherEndIsAResetAtTheOther) {
  connect();
  application.send(bytes_of("x"));
  EXPECT_EQ(peer.receive(1), bytes_of("x"));
  application.reset();
  EXPECT_EQ(peer.wait_end(), Ending::reset);
  connect();
  peer.reset();
  EXPECT_EQ(application.wait_end(), Ending::reset);
  EXPECT_TRUE(all_over());
}

/// Sends until nothing more is taken for a while; returns how much that was.
std::size_t send_until_stuck(Socket& socket) {
  const timeval limit{0, 300'000};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto block = pattern(64U << 10);
  std::size_t total = 0;
  for (;;) {
    const auto count = ::send(socket.fd(), block.data(), block.size(), MSG_NOSIGNAL);
    if (count <= 0) return total;
    total += static_cast<std::size_t>(count);
  }
}

TEST_P(Intercepted, ReceiverThatDoesNotReadHoldsTheSenderBack) {
  std::size_t seen = 0;
  factory.parts.on_bytes = [&](InterceptedFlow& flow, Way way, const Bytes& bytes) {
    seen += bytes.size();
    flow.send(way, bytes);
  };
  connect();
  const auto sent = send_until_stuck(application);
  EXPECT_LT(sent, 128U << 20) << "nothing held the sender back";
  const auto after = tunnel.call([&] { return seen; });
  std::size_t received = 0;
  while (received < sent) {
    const auto part = peer.receive(std::min<std::size_t>(sent - received, 1U << 20));
    if (part.empty()) break;
    received += part.size();
  }
  EXPECT_EQ(received, sent) << "not a byte is lost";
  EXPECT_LE(after, sent);
  application.reset();
}

TEST_P(Intercepted, ResetIsSeenWhileNothingMayBeRead) {
  connect();
  send_until_stuck(application);
  peer.reset();
  EXPECT_EQ(application.wait_end(), Ending::reset);
  EXPECT_TRUE(all_over());
}

TEST_P(Intercepted, FlowWithoutOneKeepsItsSocket) {
  factory.wanted = false;
  const auto before = open_descriptors();
  connect();
  EXPECT_EQ(open_descriptors(), before + 4) << "two of the test's, one at each end of the tunnel";
  application.send(bytes_of("x"));
  EXPECT_EQ(peer.receive(1), bytes_of("x"));
}

}  // namespace
}  // namespace tfunnel::test
