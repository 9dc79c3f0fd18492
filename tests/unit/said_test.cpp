// What a login says in place of a greeting is shown so that a person can read it, and so that it does no harm.
#include "common/core/said.hpp"

#include <gtest/gtest.h>

namespace tfunnel::test {
namespace {

using core::what_was_said;
using namespace std::string_literals;

TEST(Said, TerminalSequencesAreLeftOut) {
  struct Case {
    std::string said;
    std::string shown;
  };
  const Case cases[] = {
      {"\x1b[?2004h\x1b]0;alice@host: ~\a\x1b[01;32malice@host\x1b[00m:~$ ", "alice@host:~$ "},
      {"\x1b]0;title\x1b\\a\x1b(Bb\x1b=c", "abc"},
      {"\x1bPdevice\x1b\\x", "x"},
      {"ends in the middle\x1b[01;3", "ends in the middle"},
      {"ends at once\x1b", "ends at once"},
      // Nothing hides behind a title that never ends.
      {"\x1b]2;all the rest", "2;all the rest"},
      {"\x1b]0;one\x1b[1mtwo", "two"},
  };
  for (const auto& one : cases) EXPECT_EQ(what_was_said(one.said), '"' + one.shown + '"') << one.said;
}

TEST(Said, OtherControlBytesAreEscaped) {
  EXPECT_EQ(what_was_said("\0\a\b\x9b\x31m\r\n"s), "\"\\x00\\x07\\x08\\x9b1m\\r\\n\"");
  EXPECT_EQ(what_was_said(""), "\"\"");
}

TEST(Said, OfMuchTheBeginningAndTheEndAreShown) {
  const auto shown = what_was_said("Welcome to host" + std::string(60'000, '.') + "alice@host:~$ ");
  EXPECT_TRUE(shown.starts_with("\"Welcome to host.")) << shown;
  EXPECT_TRUE(shown.ends_with(".alice@host:~$ \"")) << shown;
  EXPECT_NE(shown.find(" ... "), std::string::npos) << shown;
  EXPECT_LT(shown.size(), 200U);
  EXPECT_LT(what_was_said(std::string(60'000, '\0')).size(), 1000U);
}

}  // namespace
}  // namespace tfunnel::test
