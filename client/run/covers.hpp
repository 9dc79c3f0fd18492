// Covers over paths that the program of `tfunnel run` must not reach, and that stay covered.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/run/mounts.hpp"
#include "client/run/path_watch.hpp"
#include "client/run/user_copies.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// An /etc/resolv.conf of our own, and empty directories and files in place of those whose sockets look names up
/// outside; and copies in place of files of root's. Nothing of it is seen, or stays, outside. The kernel takes a mount
/// away when what it covers is removed or replaced outside, by a service that restarts or by a change of network: so
/// whoever runs this looks again whenever something happened to the mounts or on the way to the paths, and covers anew
/// what has come anew.
class Covers {
 public:
  Covers(const MountPlan& plan, const CheckedFiles& checked);

  /// To be called in a mount namespace of our own, once. Puts a /proc of the pid namespace into its place, too. The
  /// working directory is that of our own files from then on. Returns warnings for the user. Throws
  /// boost::system::system_error.
  std::vector<std::string> set_up();
  /// More lines for /etc/resolv.conf.
  void complete_resolver(std::string_view lines);

  /// Readable when something happened on the way to the paths; -1: the system permits no watching.
  [[nodiscard]] int paths() const { return watch_.descriptor(); }
  /// False: paths() does not tell all; look() is due now and then.
  [[nodiscard]] bool hears_all() const { return watch_.is_complete(); }
  /// POLLPRI when mounts have changed.
  [[nodiscard]] int mounts() const { return mounts_.get(); }
  /// Something happened to the mounts, or some time has gone by. Covers what is bare; needs CAP_SYS_ADMIN. A path
  /// that cannot be covered (it has just gone again) is left to the next time.
  [[nodiscard]] bool look();
  /// paths() is readable: the same, if it concerns us.
  [[nodiscard]] bool look_at_paths();

 private:
  using Path = std::filesystem::path;

  void make_files();
  void cover_all();
  [[nodiscard]] bool is_covered(const Path& real) const;
  void cover(const Path& real, const Path& resolver);
  void cover_directory(const Path& real, const Path& resolver);

  std::vector<std::string> hidden_;  // as they were named; those above come before those below
  std::string resolver_text_;
  UserCopies copies_;
  PathWatch watch_;
  io::Descriptor mounts_;
  io::Descriptor resolver_;            // our own file, to be written
  dev_t files_ = 0;                    // where our files are
  std::map<Path, dev_t> directories_;  // our empty ones, by what they cover
};

}  // namespace tfunnel::client
