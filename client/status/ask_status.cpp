#include "client/status/ask_status.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "client/status/status_places.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_answer = 1U << 20;
// Of each directory, which may be a stranger's.
constexpr std::size_t most_sockets = 100;
constexpr mode_t listens = S_IRUSR | S_IWUSR;  // see StatusServer
constexpr mode_t permissions = 0777;

/// Somebody who was asked.
struct Asked {
  StatusAnswer answer;
  io::Descriptor socket;  // open as long as there may be more
  std::string text;
  bool refused = false;
};

std::vector<std::string> names_in(const StatusPlace& place) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(path_in(place.directory, ""), error), end; !error && at != end; at.increment(error)) {
    auto name = at->path().filename().string();
    if (name.ends_with(status_suffix)) names.push_back(std::move(name));
    if (names.size() >= most_sockets) break;
  }
  std::ranges::sort(names);
  return names;
}

/// The socket itself, whatever stands at its name a moment later.
std::optional<io::Descriptor> find_socket(const StatusPlace& place, const std::string& name, struct stat& facts) {
  io::Descriptor found(::openat(place.directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!found.is_open() || ::fstat(found.get(), &facts) != 0 || !S_ISSOCK(facts.st_mode)) return std::nullopt;
  return found;
}

bool connects(const io::Descriptor& socket, const io::Descriptor& to) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = path_in(to, "");
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::optional<Asked> ask(const StatusPlace& place, const std::string& name) {
  struct stat facts {};
  const auto found = find_socket(place, name, facts);
  io::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!found || !socket.is_open()) return std::nullopt;
  Asked asked{{place.path + "/" + name, facts.st_uid, 0, std::nullopt}, {}, {}};
  if (connects(socket, *found)) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
      asked.answer.user = peer.uid;
      asked.answer.process = peer.pid;
    }
    asked.socket = std::move(socket);
    return asked;
  }
  // It has more to do than it can: so it is there.
  if (errno == EAGAIN) return asked;
  const bool was_left = errno == ECONNREFUSED && (facts.st_mode & permissions) == listens;
  if (was_left && place.owner == ::geteuid()) ::unlinkat(place.directory.get(), name.c_str(), 0);
  return std::nullopt;
}

/// The end, or a fault, closes it. Whoever says nothing at all does not want us.
void take(Asked& asked) {
  std::array<char, 65536> bytes;
  const auto size = ::read(asked.socket.get(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size > 0) asked.text.append(bytes.data(), static_cast<std::size_t>(size));
  if (size > 0 && asked.text.size() <= longest_answer) return;
  asked.refused = size == 0 && asked.text.empty();
  if (size == 0 && !asked.refused) asked.answer.text = std::move(asked.text);
  asked.socket.close();
}

void take_all(std::vector<Asked>& all, Clock::time_point until) {
  while (true) {
    std::vector<pollfd> entries;
    entries.reserve(all.size());
    for (const auto& one : all) entries.push_back({one.socket.get(), POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const bool is_over = std::ranges::none_of(all, [](const auto& one) { return one.socket.is_open(); });
    if (is_over || left <= 0) return;
    ::poll(entries.data(), entries.size(), static_cast<int>(left));
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (entries[i].revents != 0 && all[i].socket.is_open()) take(all[i]);
    }
  }
}

}  // namespace

std::vector<StatusAnswer> ask_status(core::Duration patience) {
  std::vector<Asked> all;
  for (const auto& place : status_places()) {
    for (const auto& name : names_in(place)) {
      if (auto asked = ask(place, name)) all.push_back(std::move(*asked));
    }
  }
  take_all(all, Clock::now() + patience);
  std::vector<StatusAnswer> answers;
  for (auto& one : all) {
    if (!one.refused) answers.push_back(std::move(one.answer));
  }
  return answers;
}

}  // namespace tfunnel::client
