#include "client/status/status_places.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

constexpr const char* of_system = "/run/tfunnel";
constexpr const char* of_users = "/run/user";
constexpr const char* temporary = "/tmp";
constexpr mode_t others_may_write = 022;

std::string variable(const char* name) {
  const auto* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

std::string user_text(uid_t user) { return std::to_string(user); }
std::string of_user(uid_t user) { return std::string(of_users) + "/" + user_text(user); }
std::string temporary_of(uid_t user) { return std::string(temporary) + "/tfunnel-" + user_text(user); }

/// Nothing: it is no directory, or others than its owner may write to it.
std::optional<StatusPlace> open_place(const std::string& path) {
  StatusPlace place{path, io::Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), 0};
  struct stat facts {};
  if (!place.directory.is_open() || ::fstat(place.directory.get(), &facts) != 0) return std::nullopt;
  if ((facts.st_mode & others_may_write) != 0) return std::nullopt;
  place.owner = facts.st_uid;
  return place;
}

bool is_ours(const std::string& path) {
  const auto place = open_place(path);
  return place && place->owner == ::geteuid();
}

/// Where the directory would be ours, in this order.
std::vector<std::string> own_paths() {
  std::vector<std::string> paths;
  const auto of_service = variable("RUNTIME_DIRECTORY");
  if (of_service.starts_with(std::string(of_system) + "/")) paths.push_back(of_service);
  // Root's own goes when root logs out; one that somebody has named is meant.
  std::vector<std::string> homes{variable("XDG_RUNTIME_DIR")};
  if (::geteuid() != 0) homes.push_back(of_user(::geteuid()));
  for (const auto& home : homes) {
    if (!home.empty() && is_ours(home)) paths.push_back(home + "/tfunnel");
  }
  paths.emplace_back(of_system);
  paths.push_back(temporary_of(::geteuid()));
  return paths;
}

// In /tmp a stranger could make any number of them.
bool is_worth_a_look(const StatusPlace& place) {
  if (place.owner == ::geteuid()) return true;
  if (place.path.starts_with(temporary) && place.path != temporary_of(place.owner)) return false;
  return place.owner == 0 || ::geteuid() == 0;
}

std::vector<std::string> entries(const std::string& directory, const std::string& beginning = {}) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(beginning)) found.push_back(at->path().string());
  }
  return found;
}

/// Where there may be some that this user can ask.
std::set<std::string> all_paths() {
  const auto own = own_paths();
  std::set<std::string> paths(own.begin(), own.end());
  paths.insert(of_user(::geteuid()) + "/tfunnel");
  for (const auto& service : entries(of_system)) paths.insert(service);
  if (::geteuid() != 0) return paths;
  for (const auto& user : entries(of_users)) paths.insert(user + "/tfunnel");
  for (const auto& path : entries(temporary, "tfunnel-")) paths.insert(path);
  return paths;
}

}  // namespace

std::optional<StatusPlace> own_status_place() {
  for (const auto& path : own_paths()) {
    ::mkdir(path.c_str(), S_IRWXU);
    auto place = open_place(path);
    if (place && place->owner == ::geteuid() && ::access(path.c_str(), W_OK) == 0) return place;
  }
  return std::nullopt;
}

std::vector<StatusPlace> status_places() {
  std::vector<StatusPlace> places;
  for (const auto& path : all_paths()) {
    auto place = open_place(path);
    if (place && is_worth_a_look(*place)) places.push_back(std::move(*place));
  }
  return places;
}

std::string path_in(const io::Descriptor& directory, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory.get()) + (name.empty() ? "" : "/" + name);
}

}  // namespace tfunnel::client
