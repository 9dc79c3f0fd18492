// Copies, belonging to the user, in place of files of root's.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "client/run/checked_files.hpp"
#include "client/run/path_watch.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Where only the user's own id exists, root's files belong to nobody. Those whose owner programs check are covered by
/// copies: of what the user may read, with the same mode, for reading only. They follow their originals.
class UserCopies {
 public:
  explicit UserCopies(CheckedFiles files) : files_(std::move(files)) {}

  /// Adds what update() looks at.
  void watch(PathWatch& watch) const;
  /// Covers what is bare, and copies again what has changed. The working directory must be a file system for our own
  /// files, mounted in this namespace; needs CAP_SYS_ADMIN. What cannot be copied stays as it is.
  void update();

 private:
  using Path = std::filesystem::path;

  struct Copy {
    std::string name;
    io::Descriptor original;
    struct stat facts;  // of the original, when it was copied
  };

  [[nodiscard]] std::vector<Path> wanted() const;
  [[nodiscard]] bool is_roots(const Path& real, const struct stat& facts) const;
  [[nodiscard]] bool has_room(const Path& real, const struct stat& facts) const;
  void cover(const Path& real, const struct stat& seen);
  void refresh(const Path& real, const struct stat& seen);
  void forget_all_but(const std::set<Path>& found);

  CheckedFiles files_;
  std::map<Path, Copy> copies_;  // by the path, without links, of what they cover
  int made_ = 0;
};

}  // namespace tfunnel::client
