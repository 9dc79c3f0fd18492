#include "client/run/path_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

namespace tfunnel::client {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t changes = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
constexpr std::uint32_t writes = IN_CLOSE_WRITE | IN_ATTRIB;
// As many as the kernel follows.
constexpr int most_links = 40;

}  // namespace

PathWatch::PathWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void PathWatch::begin() {
  before_ = std::exchange(watches_, {});
  names_.clear();
  complete_ = inotify_.is_open();
  whole_.clear();
}

void PathWatch::add(const fs::path& path) { add(path, changes); }

void PathWatch::add_file(const fs::path& path) { add(path, changes | writes); }

void PathWatch::add_contents(const fs::path& directory) {
  add(directory, changes);
  whole_.insert(watch(directory, changes | writes));
}

// Each directory is watched before what is in it is looked at.
void PathWatch::add(const fs::path& path, Mask mask) {
  std::deque<fs::path> rest(path.begin(), path.end());
  fs::path place;
  for (int links = 0; !rest.empty() && links <= most_links;) {
    const auto next = rest.front();
    rest.pop_front();
    if (next.is_absolute()) {
      place = next;
      continue;
    }
    watch(place, mask);
    names_.insert(next.string());
    std::error_code error;
    const auto status = fs::symlink_status(place / next, error);
    if (error || !fs::exists(status)) return;
    if (!fs::is_symlink(status)) {
      place = next == ".." ? place.parent_path() : place / next;
      continue;
    }
    const auto target = fs::read_symlink(place / next, error);
    rest.insert(rest.begin(), target.begin(), target.end());
    ++links;
  }
}

void PathWatch::end() {
  for (const int old : before_) {
    if (!watches_.contains(old)) ::inotify_rm_watch(inotify_.get(), old);
  }
  before_.clear();
}

// A directory that several paths lead through is one watch, for all that any of them wants.
int PathWatch::watch(const fs::path& directory, Mask mask) {
  const int made = ::inotify_add_watch(inotify_.get(), directory.c_str(), mask | IN_MASK_ADD);
  if (made >= 0) {
    watches_.insert(made);
  } else if (errno != ENOENT && errno != ENOTDIR) {
    complete_ = false;
  }
  return made;
}

// Names of all directories together: a few looks too many are cheap.
bool PathWatch::concerns_us() {
  alignas(inotify_event) std::array<char, 16'384> buffer;
  bool concerns = false;
  for (ssize_t size; (size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (const char* next = buffer.data(); next < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(next);
      const std::string name(event->name, ::strnlen(event->name, event->len));
      // Without a name it is about a directory itself, or events were lost.
      concerns = concerns || name.empty() || names_.contains(name) || whole_.contains(event->wd);
      next += sizeof(inotify_event) + event->len;
    }
  }
  return concerns;
}

}  // namespace tfunnel::client
