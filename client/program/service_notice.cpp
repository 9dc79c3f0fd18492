#include "client/program/service_notice.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/core/number.hpp"
#include "common/core/text.hpp"

namespace tfunnel::client {

namespace {

using namespace std::chrono_literals;

constexpr auto usual_period = 5s;
constexpr auto shortest_period = 10ms;
constexpr auto when_not_taken = 100ms;
constexpr std::size_t longest_status = 300;
constexpr std::size_t most_waiting = 4096;

std::string take_variable(const char* name) {
  const auto* value = std::getenv(name);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(name);
  return text;
}

/// A path, or an abstract name with '@' in front.
io::Descriptor connected_to(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@')) return {};
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  io::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  return socket;
}

/// Half of the time after which the manager takes us for dead; nothing: it does not watch, or another process.
std::optional<core::Duration> watchdog_period() {
  const auto time = core::parse_all<std::uint64_t>(take_variable("WATCHDOG_USEC"));
  const auto process = take_variable("WATCHDOG_PID");
  const bool is_ours = process.empty() || process == std::to_string(::getpid());
  if (!time || *time == 0 || !is_ours) return std::nullopt;
  constexpr std::uint64_t most = std::chrono::microseconds(24h).count();
  return std::max<core::Duration>(std::chrono::microseconds(std::min(*time, most)) / 2, shortest_period);
}

}  // namespace

ServiceNotice::ServiceNotice(asio::io_context& context, Tell tell)
    : tell_(std::move(tell)),
      socket_(connected_to(take_variable("NOTIFY_SOCKET"))),
      period_(usual_period),
      timer_(context) {
  const auto watchdog = watchdog_period();
  watched_ = watchdog.has_value();
  if (watchdog) period_ = std::min<core::Duration>(*watchdog, usual_period);
}

void ServiceNotice::start() {
  started_ = true;
  if (is_wanted()) look();
}

void ServiceNotice::ready() {
  if (!is_wanted() || std::exchange(is_ready_, true)) return;
  say("READY=1");
  changed();
}

void ServiceNotice::changed() {
  if (!is_wanted() || closed_) return;
  auto now = core::one_line(tell_(), longest_status);
  if (now != said_ && waiting_.size() < most_waiting) {
    say("STATUS=" + now);
    said_ = std::move(now);
  }
  send();
}

void ServiceNotice::stopping() {
  if (!is_wanted()) return;
  say("STOPPING=1");
  changed();
}

void ServiceNotice::look() {
  // Those that were not taken say the same.
  if (watched_ && waiting_.find("WATCHDOG=1") == std::string::npos) say("WATCHDOG=1");
  changed();
  timer_.expires_after(waiting_.empty() ? period_ : std::min<core::Duration>(period_, when_not_taken));
  timer_.async_wait([this](error_code error) {
    if (!error && !closed_) look();
  });
}

// A manager that has gone takes nothing any more, and nobody misses it.
void ServiceNotice::send() {
  if (waiting_.empty()) return;
  const auto sent = ::send(socket_.get(), waiting_.data(), waiting_.size(), MSG_NOSIGNAL);
  const bool is_later = sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR);
  if (!is_later) waiting_.clear();
}

void ServiceNotice::close() {
  closed_ = true;
  timer_.cancel();
}

}  // namespace tfunnel::client
