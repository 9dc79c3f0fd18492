// The first word of the command line: the right command runs, or the word is named with what was meant.
#include "client/commands/subcommand.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/app/options.hpp"

namespace tfunnel::test {
namespace {

using client::Invocation;
using client::Subcommand;

std::vector<std::string> said;

io::ExitStatus note(const char* name, const Invocation& invocation) {
  said = {name};
  said.insert(said.end(), invocation.words.begin(), invocation.words.end());
  return io::ExitStatus::ok;
}

std::string run_nothing(std::span<const Subcommand>) { return ""; }

const Subcommand table[] = {
    {"", "", run_nothing, [](const Invocation& invocation) { return note("default", invocation); }},
    {"run", "runs", run_nothing, [](const Invocation& invocation) { return note("run", invocation); }},
    {"status", "tells", run_nothing, [](const Invocation& invocation) { return note("status", invocation); }},
};

std::string refused(const std::vector<const char*>& words) {
  try {
    dispatch(words, table);
  } catch (const app::UsageError& error) {
    EXPECT_EQ(error.status(), io::ExitStatus::usage);
    return error.what();
  }
  return "";
}

TEST(Subcommands, WordIsTakenOutAndTheRestIsLeftAsItIs) {
  dispatch(std::vector<const char*>{"tfunnel", "run", "-v", "run"}, table);
  EXPECT_EQ(said, (std::vector<std::string>{"run", "tfunnel", "-v", "run"}));
}

TEST(Subcommands, OptionsOrNothingAtAllMeanTheOneWithoutAName) {
  dispatch(std::vector<const char*>{"tfunnel", "-p", "1"}, table);
  EXPECT_EQ(said, (std::vector<std::string>{"default", "tfunnel", "-p", "1"}));
  dispatch(std::vector<const char*>{"tfunnel"}, table);
  EXPECT_EQ(said, (std::vector<std::string>{"default", "tfunnel"}));
}

TEST(Subcommands, UnknownWordIsNamedWithThoseThatThereAre) {
  EXPECT_EQ(refused({"tfunnel", "nosuch"}), "no such command: 'nosuch'; there are run, status, see tfunnel --help");
  EXPECT_EQ(refused({"tfunnel", "statsu"}),
            "no such command: 'statsu' (did you mean 'status'?); there are run, status, see tfunnel --help");
}

TEST(Subcommands, OtherWordIsAnsweredWithWhatItMayMean) {
  EXPECT_EQ(client::meaning_of("user@host", table), "did you mean --via 'ssh user@host tfunnel'?");
  EXPECT_EQ(client::meaning_of("12300", table), "did you mean -p 12300?");
  EXPECT_EQ(client::meaning_of("run", table), "a command stands first: tfunnel run ...");
  for (const auto* word : {"", "65536", "./file", "ssh host.example tfunnel", "nosuch"}) {
    EXPECT_EQ(client::meaning_of(word, table), "") << word;
  }
}

TEST(Subcommands, ListHasALineForEachThatHasAName) {
  EXPECT_EQ(client::list_of(table), "  tfunnel run       runs\n  tfunnel status    tells\n");
}

}  // namespace
}  // namespace tfunnel::test
