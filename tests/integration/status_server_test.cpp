// The socket that `tfunnel status` asks, with those who ask and do not listen.
#include "client/status/status_server.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/read.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "common/io/log.hpp"

namespace tfunnel::client {
namespace {

namespace fs = std::filesystem;
using Socket = asio::local::stream_protocol::socket;
using namespace std::chrono_literals;

// No socket takes so much that nobody reads.
constexpr std::size_t answer_size = 8U << 20;
constexpr int most_at_a_time = 8;

class StatusServerTest : public testing::Test {
 protected:
  StatusServerTest() {
    char name[] = "/tmp/status-server-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    ::setenv("XDG_RUNTIME_DIR", name, 1);
    server_.start("test");
  }
  ~StatusServerTest() override {
    server_.close();
    context_.run();
    ::unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(directory_);
  }

  std::string path() {
    const auto place = directory_ / "tfunnel";
    return fs::exists(place) && !fs::is_empty(place) ? fs::directory_iterator(place)->path().string() : "";
  }
  Socket& ask() {
    auto& asker = askers_.emplace_back(context_);
    asker.connect(path());
    return asker;
  }
  void run_until_told(int count) {
    while (told_ < count) context_.run_one();
  }

  fs::path directory_;
  asio::io_context context_;
  io::Log log_{io::LogLevel::error, io::LogFormat::text, "test"};
  int told_ = 0;
  StatusServer server_{context_, [this] { return ++told_, std::string(answer_size, 'x'); }, log_};
  std::deque<Socket> askers_;
};

TEST_F(StatusServerTest, OnlyItsUserMayConnectAndNothingIsLeft) {
  struct stat facts {};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  server_.close();
  EXPECT_FALSE(fs::exists(directory_ / "tfunnel"));
}

TEST_F(StatusServerTest, WhoReadsGetsAllOfIt) {
  auto& asker = ask();
  std::string text;
  error_code end;
  asio::async_read(asker, asio::dynamic_buffer(text), [&](error_code error, std::size_t) { end = error; });
  while (!end) context_.run_one();
  EXPECT_EQ(end, asio::error::eof);
  EXPECT_EQ(text.size(), answer_size);
}

TEST_F(StatusServerTest, WhoTakesNothingHoldsNobodyUpAndIsOneOfFew) {
  for (int i = 0; i < most_at_a_time + 4; ++i) ask();
  run_until_told(most_at_a_time);
  // The loop goes on, and nobody else's answer takes memory.
  context_.run_for(300ms);
  EXPECT_EQ(told_, most_at_a_time);
  // Their patience with us is not asked for: those who leave make room.
  askers_.clear();
  ask();
  run_until_told(most_at_a_time + 1);
}

}  // namespace
}  // namespace tfunnel::client
