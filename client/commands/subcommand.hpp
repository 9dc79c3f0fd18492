// The abilities of `tfunnel`: a table of commands, each known by the first word of the command line.
#pragma once

#include <span>
#include <string>

#include "common/io/exit_status.hpp"

namespace tfunnel::client {

struct Subcommand;

/// One call of the program.
struct Invocation {
  /// As main() has them, without the command's own word.
  std::span<const char* const> words;
  /// All commands, for --help.
  std::span<const Subcommand> all;
  /// What --version says.
  std::string version = {};
};

/// Adding one takes its file, and a line in main.cpp.
struct Subcommand {
  const char* name;     // the word; empty: what is done without one
  const char* summary;  // for the list in --help
  /// All that --help says.
  std::string (*describe)(std::span<const Subcommand> all);
  /// Throws app::UsageError.
  io::ExitStatus (*run)(const Invocation& invocation);
};

/// Runs the one that the first word names, or the one without a name. Throws app::UsageError: there is none of that
/// name.
io::ExitStatus dispatch(std::span<const char* const> words, std::span<const Subcommand> all,
                        const std::string& version = {});

/// What somebody may have meant who typed `word` where an option, or a command, stands: one of the commands, a far
/// end's host, a port. Empty: nothing comes to mind.
std::string meaning_of(const std::string& word, std::span<const Subcommand> all);

/// A line for each that has a name.
std::string list_of(std::span<const Subcommand> all);

}  // namespace tfunnel::client
