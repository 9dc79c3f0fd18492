// A terminal that is the link tells its speed.
#include "common/app/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace tfunnel::test {
namespace {

/// A pseudo terminal in standard input's place, as long as this lives.
class TerminalAsInput {
 public:
  TerminalAsInput() : saved_(::dup(STDIN_FILENO)), master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_TRUE(::grantpt(master_) == 0 && ::unlockpt(master_) == 0);
    const int slave = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    ::dup2(slave, STDIN_FILENO);
    ::close(slave);
  }
  ~TerminalAsInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
    ::close(master_);
  }
  TerminalAsInput(const TerminalAsInput&) = delete;
  TerminalAsInput& operator=(const TerminalAsInput&) = delete;

  static void set_speed(speed_t speed) {
    termios settings{};
    ASSERT_EQ(::tcgetattr(STDIN_FILENO, &settings), 0);
    ::cfsetspeed(&settings, speed);
    ASSERT_EQ(::tcsetattr(STDIN_FILENO, TCSANOW, &settings), 0);
  }

 private:
  int saved_;
  int master_;
};

TEST(RawTerminal, TellsTheSpeedOfASerialLineInBytesASecond) {
  const TerminalAsInput terminal;
  for (const auto& [speed, rate] : {std::pair{B2400, 240.0}, {B9600, 960.0}, {B115200, 11'520.0}}) {
    TerminalAsInput::set_speed(static_cast<speed_t>(speed));
    EXPECT_EQ(app::RawTerminal().rate(), rate);
  }
}

TEST(RawTerminal, TellsNothingOfWhatIsNoTerminalOrVeryFast) {
  {
    const TerminalAsInput terminal;
    TerminalAsInput::set_speed(B230400);
    EXPECT_EQ(app::RawTerminal().rate(), 0);
  }
  const int saved = ::dup(STDIN_FILENO);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  EXPECT_EQ(app::RawTerminal().rate(), 0);
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(null);
}

}  // namespace
}  // namespace tfunnel::test
