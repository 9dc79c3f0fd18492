// Files of root's that programs read only if they belong to root or to the user.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tfunnel::client {

/// Where only the user's own id exists nothing belongs to root, and other users' files look the same as root's. So this
/// is found out outside, and holds as long as nobody but root could have changed it.
struct CheckedFiles {
  using FileId = std::pair<dev_t, ino_t>;

  std::vector<std::filesystem::path> paths;     // of root's files, as programs name them
  std::vector<std::string> patterns;            // glob(7): more such may come, in one of `directories`
  std::set<FileId> files;                       // what `paths` were
  std::set<FileId> strangers;                   // other users', found beside them
  std::set<std::filesystem::path> directories;  // without links; root alone can put anything there
};

/// What OpenSSH's client reads for this user without being told to: ssh, and with it git, scp and rsync, end at a file
/// of its settings that belongs to anybody else. Nothing if the user is root.
CheckedFiles find_checked_files();

/// The arguments of each Include (ssh_config(5)) in the text of a settings file, as they stand there.
std::vector<std::string> ssh_includes(const std::string& text);

/// The paths that match.
std::vector<std::string> matches(const std::string& pattern);

}  // namespace tfunnel::client
