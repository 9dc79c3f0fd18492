// Hears when something appears, goes or is replaced on the way to a path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// By inotify(7) on every directory that the path leads through, symbolic links included, as far as they exist. Where
/// the system permits none (there is a limit for each user) nothing is heard.
class PathWatch {
 public:
  PathWatch();

  /// -1: nothing is heard.
  [[nodiscard]] int descriptor() const { return inotify_.get(); }

  /// False: the system refused to watch a directory (a program may use up what its user has).
  [[nodiscard]] bool is_complete() const { return complete_; }

  /// The paths that are added from here to end() are those that count.
  void begin();
  void add(const std::filesystem::path& path);
  /// The same, and when it is written in place, or who may read it changes.
  void add_file(const std::filesystem::path& path);
  /// The same, of everything that is or comes in the directory.
  void add_contents(const std::filesystem::path& directory);
  void end();

  /// Takes what was heard. False: other files in the same directories.
  bool concerns_us();

 private:
  using Mask = std::uint32_t;
  void add(const std::filesystem::path& path, Mask mask);
  int watch(const std::filesystem::path& directory, Mask mask);

  io::Descriptor inotify_;
  bool complete_ = true;  // of this round
  std::set<int> watches_;
  std::set<int> before_;         // of the round that was before begin()
  std::set<std::string> names_;  // of what is on the way
  std::set<int> whole_;          // where every name counts
};

}  // namespace tfunnel::client
