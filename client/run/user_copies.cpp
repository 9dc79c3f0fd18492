#include "client/run/user_copies.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <tuple>

#include "client/run/mount_calls.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace fs = std::filesystem;

namespace {

// Settings have hundreds of bytes.
constexpr off_t most_bytes_each = 262'144;
constexpr off_t most_bytes_together = 2'097'152;
constexpr std::size_t most_copies = 256;
constexpr mode_t permissions = 0777;

/// Of an id that does not exist here.
bool is_foreign(const struct stat& facts) { return facts.st_uid != 0 && facts.st_uid != ::geteuid(); }

bool is_same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool is_same_version(const struct stat& one, const struct stat& other) {
  const auto version = [](const struct stat& facts) {
    return std::tuple(facts.st_size, facts.st_mode, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
                      facts.st_ctim.tv_nsec);
  };
  return version(one) == version(other);
}

// A name in /proc is opened as the file's own is: who may not read it any more gets nothing.
io::Descriptor open_again(const io::Descriptor& file) {
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  return io::Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

/// False: it is not there, or not all of it.
bool write_copy(const std::string& name, const io::Descriptor& original, const struct stat& facts) {
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  const auto size = ::pread(original.get(), text.data(), text.size(), 0);
  const io::Descriptor copy(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  // What others could read, its owner can.
  return size >= 0 && copy.is_open() && ::pwrite(copy.get(), text.data(), static_cast<std::size_t>(size), 0) == size &&
         ::ftruncate(copy.get(), size) == 0 && ::fchmod(copy.get(), (facts.st_mode & permissions) | S_IRUSR) == 0;
}

}  // namespace

void UserCopies::watch(PathWatch& watch) const {
  for (const auto& path : files_.paths) watch.add_file(path);
  for (const auto& pattern : files_.patterns) watch.add_contents(fs::path(pattern).parent_path());
}

std::vector<fs::path> UserCopies::wanted() const {
  auto all = files_.paths;
  for (const auto& pattern : files_.patterns) {
    const auto found = matches(pattern);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

void UserCopies::update() {
  std::set<Path> found;
  for (const auto& path : wanted()) {
    std::error_code error;
    const auto real = fs::canonical(path, error);
    struct stat facts {};
    if (error || ::stat(real.c_str(), &facts) != 0 || !found.insert(real).second) continue;
    is_foreign(facts) ? cover(real, facts) : refresh(real, facts);
  }
  forget_all_but(found);
}

// What has come since we looked outside is where root alone could put it.
bool UserCopies::is_roots(const Path& real, const struct stat& facts) const {
  const CheckedFiles::FileId file{facts.st_dev, facts.st_ino};
  return files_.files.contains(file) ||
         (files_.directories.contains(real.parent_path()) && !files_.strangers.contains(file));
}

bool UserCopies::has_room(const Path& real, const struct stat& facts) const {
  off_t together = facts.st_size;
  for (const auto& [path, copy] : copies_) together += path == real ? 0 : copy.facts.st_size;
  const bool is_one_of_few = copies_.contains(real) || copies_.size() < most_copies;
  return is_one_of_few && facts.st_size <= most_bytes_each && together <= most_bytes_together;
}

// Looked at before it is opened: the way to it may be the program's to change.
void UserCopies::cover(const Path& real, const struct stat& seen) {
  if (!S_ISREG(seen.st_mode) || !is_roots(real, seen) || !has_room(real, seen)) return;
  io::Descriptor original(::open(real.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (!original.is_open() || ::fstat(original.get(), &facts) != 0 || !is_same_file(facts, seen)) return;
  const auto known = copies_.find(real);
  const auto name = known != copies_.end() ? known->second.name : "copy-" + std::to_string(++made_);
  if (!write_copy(name, original, facts)) return;
  try {
    cover_file(real, name);
    copies_[real] = {name, std::move(original), facts};
  } catch (const boost::system::system_error&) {
    // It has just gone, or our files have, together with the old /proc.
  }
}

void UserCopies::refresh(const Path& real, const struct stat& seen) {
  const auto known = copies_.find(real);
  if (known == copies_.end()) return;
  auto& [name, original, facts] = known->second;
  struct stat now {};
  struct stat copy {};
  const bool is_ours = ::stat(name.c_str(), &copy) == 0 && is_same_file(copy, seen);
  if (!is_ours || ::fstat(original.get(), &now) != 0 || is_same_version(now, facts)) return;
  const auto readable = open_again(original);
  if (readable.is_open() && is_foreign(now) && has_room(real, now) && write_copy(name, readable, now)) {
    facts = now;
  } else {
    ::umount2(real.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

void UserCopies::forget_all_but(const std::set<Path>& found) {
  for (auto next = copies_.begin(); next != copies_.end();) {
    if (found.contains(next->first)) {
      ++next;
    } else {
      ::unlink(next->second.name.c_str());
      next = copies_.erase(next);
    }
  }
}

}  // namespace tfunnel::client
