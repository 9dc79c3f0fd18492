// A session and its link are two things: flows do not notice that another link has taken the place of the first one.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "common/io/session.hpp"
#include "tests/integration/support/http_proxy.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

/// A socket pair as a link.
struct Wire {
  explicit Wire(asio::io_context& context) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    near.emplace(context, ends[0], ::dup(ends[0]), io::Channel::Ownership::channel);
    far.emplace(context, ends[1], ::dup(ends[1]), io::Channel::Ownership::channel);
  }
  std::optional<io::Channel> near;
  std::optional<io::Channel> far;
};

struct Acceptor final : core::FlowAcceptor {
  std::shared_ptr<core::FlowHandler> accept(core::Flow& flow) override {
    end = std::make_shared<End>(*mux);
    end->bind(flow);
    return end;
  }
  core::Mux* mux = nullptr;
  std::shared_ptr<End> end;
};

class AttachmentTest : public testing::Test {
 protected:
  static io::Session::Settings settings(wire::Role role) {
    io::Session::Settings settings;
    settings.role = role;
    return settings;
  }
  AttachmentTest() {
    acceptor_.mux = &proxy_.mux();
    client_.on_ready = [this] { ++ready_; };
    client_.on_end = proxy_.on_end = [this](io::ExitStatus, const std::string& why) { ends_ += why + ";"; };
  }
  template <class Predicate>
  bool until(Predicate&& predicate) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!predicate() && std::chrono::steady_clock::now() < deadline)
      context_.run_one_for(std::chrono::milliseconds(10));
    return predicate();
  }
  static bool is_quiet(const io::Session& session) {
    const auto& mux = const_cast<io::Session&>(session).mux();
    return !mux.has_output() && !mux.deadline();
  }
  /// Nothing is on the way any more.
  bool settle() {
    return until([this] { return is_quiet(client_) && is_quiet(proxy_) && context_.poll() == 0; });
  }
  void start() {
    client_.start();
    proxy_.start();
  }

  asio::io_context context_;
  io::Log log_{io::LogLevel::error, io::LogFormat::text, "test"};
  Acceptor acceptor_;
  std::unique_ptr<Wire> wire_ = std::make_unique<Wire>(context_);
  io::Session client_{context_, *wire_->near, settings(wire::ROLE_CLIENT), nullptr, log_};
  io::Session proxy_{context_, *wire_->far, settings(wire::ROLE_PROXY), &acceptor_, log_};
  int ready_ = 0;
  std::string ends_;
};

TEST_F(AttachmentTest, FlowGoesOnOverAnotherLink) {
  start();
  ASSERT_TRUE(until([&] { return ready_ == 1; }));
  const auto end = std::make_shared<End>(client_.mux());
  auto* flow = client_.mux().open({core::Transport::tcp, endpoint("192.0.2.1", 1), endpoint("192.0.2.2", 2)}, end);
  ASSERT_NE(flow, nullptr);
  end->bind(*flow);
  const auto first = pattern(300'000);
  end->send(first);
  ASSERT_TRUE(until([&] { return acceptor_.end && acceptor_.end->received == first; }));
  const auto answer = pattern(1'000);
  acceptor_.end->send(answer);
  ASSERT_TRUE(until([&] { return end->received == answer; }));
  ASSERT_TRUE(settle());

  client_.detach();
  proxy_.detach();
  auto second = std::make_unique<Wire>(context_);
  client_.attach(*second->near);
  proxy_.attach(*second->far);
  wire_ = std::move(second);
  // Said while there is no link, it goes over the next one.
  end->send(first);
  start();
  ASSERT_TRUE(until([&] { return ready_ == 2; })) << ends_;
  acceptor_.end->send(answer);
  EXPECT_TRUE(until([&] { return acceptor_.end->received.size() == 600'000 && end->received.size() == 2'000; }));
  end->finish();
  acceptor_.end->finish();
  EXPECT_TRUE(until([&] { return end->finished == 1 && acceptor_.end->finished == 1; }));
  EXPECT_EQ(ends_, "");
}

/// A side to which somebody says these bytes, and no more, until it gives up.
struct Silence {
  wire::Role role = wire::ROLE_CLIENT;
  Bytes said = {};
  bool hushed = false;
  bool terminal = false;
  core::Duration notice = std::chrono::milliseconds(20);

  [[nodiscard]] std::string log() const {
    CapturedLog log;
    {
      asio::io_context context;
      std::array<int, 2> ends{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
      io::Channel channel(context, ends[0], ::dup(ends[0]), io::Channel::Ownership::channel);
      Socket other(ends[1]);
      other.send(said);
      io::Session::Settings settings;
      settings.role = role;
      settings.silence_notice = notice;
      settings.repeats_greeting = terminal;
      settings.greeting_timeout = std::chrono::milliseconds(300);
      const io::Log lines(io::LogLevel::info, io::LogFormat::text, "test");
      Acceptor acceptor;
      io::Session session(context, channel, settings, role == wire::ROLE_PROXY ? &acceptor : nullptr, lines);
      session.on_end = [&](io::ExitStatus, const std::string& why) { lines.error("ended: " + why); };
      session.start();
      if (hushed) session.hush();
      context.run();
    }
    return log.text();
  }
};

TEST(Silence, IsToldOnceWithWhatWasSaidInstead) {
  const auto log = Silence{.said = bytes_of("Welcome\n\x1b[1malice@host:~$ ")}.log();
  EXPECT_EQ(count(log,
                  "warning: no answer yet; does the command end with `tfunnel`? So far it said "
                  "\"Welcome\\nalice@host:~$ \""),
            1U)
      << log;
  EXPECT_EQ(count(log, "no answer yet"), 1U) << log;
  EXPECT_EQ(count(log, "ended: the far end has not greeted in time; it said \"Welcome"), 1U) << log;
}

TEST(Silence, WhoSaysNothingIsNotQuoted) {
  const auto log = Silence{}.log();
  EXPECT_EQ(count(log, "does the command end with `tfunnel`?\n"), 1U) << log;
  EXPECT_EQ(count(log, "ended: the far end has not greeted in time\n"), 1U) << log;
}

TEST(Silence, FarEndSaysWhatItIsAndWaitsFor) {
  const auto log = Silence{.role = wire::ROLE_PROXY, .said = bytes_of("help\n")}.log();
  EXPECT_EQ(count(log, "warning: no client has greeted yet; this is the far end of a tunnel"), 1U) << log;
  EXPECT_EQ(count(log, "So far it said \"help\\n\""), 1U) << log;
}

TEST(Silence, OnASerialLineThereIsNoCommand) {
  const auto log = Silence{.terminal = true}.log();
  EXPECT_EQ(count(log, "does `tfunnel --tty` run on the other side of the line?"), 1U) << log;
}

TEST(Silence, IsNotToldToWhoIsBeingAskedOrHasHeardAGreetingOrDoesNotWantToKnow) {
  const auto greeting = core::greeting();
  for (const auto& silence : {Silence{.hushed = true}, Silence{.said = Bytes(greeting.begin(), greeting.end())},
                              Silence{.notice = core::Duration::zero()}}) {
    const auto log = silence.log();
    EXPECT_EQ(count(log, "yet"), 0U) << log;
    EXPECT_EQ(count(log, "ended: "), 1U) << log;
  }
}

}  // namespace
}  // namespace tfunnel::test
