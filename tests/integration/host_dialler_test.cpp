// Connections to hosts with several addresses, of which some are dead.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include "proxy/io/deadline.hpp"
#include "tests/integration/support/dead_first.hpp"
#include "tests/integration/support/names.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {
namespace {

constexpr auto name = "proxy.example";

class Dialling : public testing::Test {
 protected:
  /// Runs `work` in a coroutine until it is over.
  template <class Work>
  void run(Work work) {
    asio::spawn(
        context, [&](asio::yield_context yield) { work(yield); },
        [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
    context.restart();
    context.run();
  }
  void know(std::vector<const char*> addresses) { dialler = dialler_with(context, {{name, std::move(addresses)}}); }
  /// The address that one connection to the name reaches.
  result<core::Endpoint> reach(std::uint16_t port, bool serves = true) {
    result<core::Endpoint> reached = error_code(asio::error::not_connected);
    run([&](const asio::yield_context& yield) {
      const auto dial = std::make_shared<proxy::HostDial>(*dialler, name, port);
      const proxy::Deadline deadline(context, patience, [dial] { dial->stop(); });
      auto socket = dial->connect(yield);
      if (!socket) {
        reached = socket.error();
        return;
      }
      reached = io::from_asio(socket->remote_endpoint());
      serves ? dial->serves() : dial->fails();
    });
    return reached;
  }

  asio::io_context context;
  std::shared_ptr<proxy::HostDialler> dialler;
};

// What was waited for stays in the coroutine's slot, unless it is cleared. Its timer has gone when the coroutine, which
// waits for its turn, is cancelled.
TEST_F(Dialling, ThatIsOverIsNotTouchedByWhoCancelsTheCoroutine) {
  Server server(512, own_address(1));
  know({own_address(1)});
  asio::cancellation_signal cancel;
  bool connected = false;
  bool left_behind = true;
  const auto work = [&](const asio::yield_context& yield) {
    const auto dial = std::make_shared<proxy::HostDial>(*dialler, name, server.endpoint().port);
    connected = dial->connect(yield).has_value();
    left_behind = yield.get_cancellation_slot().has_handler();
    asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
    asio::post(context, yield);
  };
  asio::spawn(context, work, asio::bind_cancellation_slot(cancel.slot(), [](const std::exception_ptr&) {}));
  context.run();
  EXPECT_TRUE(connected);
  EXPECT_FALSE(left_behind);
}

class DeadAddress : public Dialling, public testing::WithParamInterface<DeadFirst> {};

INSTANTIATE_TEST_SUITE_P(Before, DeadAddress, dead_before_alive(),
                         [](const auto& which) { return "Pair" + std::to_string(which.index); });

TEST_P(DeadAddress, ThatNeverAnswersIsPassedOver) {
  const auto before = open_descriptors();
  {
    const BusyServer dead(GetParam().dead);
    const auto port = dead.endpoint().port;
    Server alive(512, GetParam().alive, port);
    know({GetParam().dead, GetParam().alive});
    const auto reached = reach(port);
    ASSERT_TRUE(reached) << reached.error().message();
    EXPECT_EQ(*reached, alive.endpoint());
  }
  dialler.reset();
  EXPECT_LE(open_descriptors(), before + 3) << "attempts that lost are left open";  // the loop's own
}

TEST_P(DeadAddress, ThatRefusesIsPassedOver) {
  Server alive(512, GetParam().alive);
  know({GetParam().dead, GetParam().alive});
  const auto reached = reach(alive.endpoint().port);
  ASSERT_TRUE(reached) << reached.error().message();
  EXPECT_EQ(*reached, alive.endpoint());
}

TEST_F(Dialling, AddressThatServedIsTriedFirst) {
  Server second(512, own_address(2));
  const auto port = second.endpoint().port;
  know({own_address(1), own_address(2)});
  ASSERT_TRUE(reach(port));
  Server first(512, own_address(1), port);
  EXPECT_EQ(reach(port).value(), second.endpoint());
  EXPECT_FALSE(first.called(std::chrono::milliseconds(0)));
}

TEST_F(Dialling, AddressThatTookAConnectionForNothingIsTriedLast) {
  Server second(512, own_address(2));
  const auto port = second.endpoint().port;
  Server first(512, own_address(1), port);
  know({own_address(1), own_address(2)});
  EXPECT_EQ(reach(port, false).value(), first.endpoint());
  EXPECT_EQ(reach(port).value(), second.endpoint());
}

TEST_F(Dialling, EachAddressIsReachedOnceByOneFlow) {
  Server second(512, own_address(2));
  const auto port = second.endpoint().port;
  Server first(512, own_address(1), port);
  know({own_address(1), own_address(2)});
  run([&](const asio::yield_context& yield) {
    proxy::HostDial dial(*dialler, name, port);
    for (const auto* server : {&first, &second}) {
      const auto socket = dial.connect(yield);
      ASSERT_TRUE(socket);
      EXPECT_EQ(io::from_asio(socket->remote_endpoint()), server->endpoint());
      EXPECT_EQ(dial.others_left(), server == &first);
    }
    EXPECT_FALSE(dial.connect(yield));
    EXPECT_EQ(io::from_asio(dial.connect_again(yield).value().remote_endpoint()), second.endpoint());
  });
}

TEST_F(Dialling, ErrorIsTheHostsOwn) {
  know({own_address(1), own_address(2)});
  EXPECT_EQ(reach(closed_endpoint(SOCK_STREAM).port).error(), asio::error::connection_refused);
  know({});
  EXPECT_EQ(reach(1).error(), proxy::NameError::not_found);
}

TEST_F(Dialling, TimeLimitEndsARace) {
  const BusyServer dead;
  know({"127.0.0.1"});
  const auto dial = std::make_shared<proxy::HostDial>(*dialler, name, dead.endpoint().port);
  asio::steady_timer limit(context, std::chrono::milliseconds(50));
  limit.async_wait([dial](error_code /*error*/) { dial->stop(); });
  run([&](const asio::yield_context& yield) { EXPECT_EQ(dial->connect(yield).error(), asio::error::timed_out); });
}

}  // namespace
}  // namespace tfunnel::test
