#include "client/up/instance.hpp"

#include <linux/capability.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "client/process/user_namespace.hpp"
#include "common/app/options.hpp"
#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

const std::string prefix = "tfunnel-up-";
const std::string prefix_of_down = prefix + "down-";
// It delivers what it has; asked once more, it hurries.
constexpr std::chrono::seconds patience{5};
constexpr int most_tries = 10;
// In a row: others get their turn in the event loop.
constexpr int most_callers = 64;

[[noreturn]] void fail(const char* what) { throw boost::system::system_error(io::last_error(), what); }

std::string new_name(Role role) {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) fail("random numbers");
  return (role == Role::down ? prefix_of_down : prefix) + std::to_string(number);
}

struct AbstractAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};

// The name begins behind a zero byte, and has no end but the length's.
AbstractAddress abstract_address(const std::string& name) {
  AbstractAddress made;
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path + 1, name.data(), std::min(name.size(), sizeof made.address.sun_path - 1));
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return made;
}

io::Descriptor open_socket() {
  io::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) fail("a UNIX socket");
  return socket;
}

io::Descriptor listening_socket(const std::string& name) {
  auto socket = open_socket();
  const auto [address, size] = abstract_address(name);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) fail("a UNIX socket");
  if (::listen(socket.get(), SOMAXCONN) != 0) fail("a UNIX socket");
  return socket;
}

/// All names like ours, whoever has them; proc(5) shows the zero byte as '@'.
std::vector<std::string> names_in_use() {
  std::vector<std::string> names;
  std::istringstream lines(io::file_contents("/proc/self/net/unix"));
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.rfind(" @" + prefix);
    const auto name = at == std::string::npos ? std::string() : line.substr(at + 2);
    if (!name.empty() && name.size() < sizeof(sockaddr_un::sun_path) - 1) names.push_back(name);
  }
  return names;
}

/// Nothing: nobody listens at the name. The credentials are those of the one who called listen(2).
std::optional<ucred> owner_of(const std::string& name) {
  const auto socket = open_socket();
  const auto [address, size] = abstract_address(name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return std::nullopt;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer;
}

// One that we cannot look at may be in our user namespace.
bool may_change_rules(const ucred& peer) {
  const std::string label = "\nCapPrm:\t";
  const auto status = io::file_contents("/proc/" + std::to_string(peer.pid) + "/status");
  const auto at = status.find(label);
  if (at == std::string::npos) return peer.uid == 0;
  const auto capabilities = std::stoull(status.substr(at + label.size(), 16), nullptr, 16);
  return (capabilities >> CAP_NET_ADMIN & 1) != 0 && shares_user_namespace(peer.pid).value_or(true);
}

std::optional<pid_t> holder_but(const std::string& own, Role role) {
  for (const auto& name : names_in_use()) {
    if (name == own || (role == Role::down && name.starts_with(prefix_of_down))) continue;
    const auto peer = owner_of(name);
    if (peer && may_change_rules(*peer)) return peer->pid;
  }
  return std::nullopt;
}

sigset_t takeover_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, takeover_signal);
  return set;
}

/// What others ask of this process while it takes over itself.
class Requests {
 public:
  Requests() {
    const auto set = takeover_set();
    socket_ = io::Descriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!socket_.is_open()) fail("a signal's descriptor");
  }
  [[nodiscard]] int descriptor() const { return socket_.get(); }

  /// Two that ask each other would end each other. A process that is no younger has been asked by us, too, or will be.
  void give_way_to_younger() const {
    signalfd_siginfo request{};
    while (::read(socket_.get(), &request, sizeof request) == sizeof request) {
      if (static_cast<pid_t>(request.ssi_pid) <= ::getpid()) continue;
      throw app::UsageError("process " + std::to_string(request.ssi_pid) + " takes over at the same time: it goes on",
                            io::ExitStatus::os_error);
    }
  }

 private:
  io::Descriptor socket_;
};

bool has_ended(const io::Descriptor& process, const Requests& requests) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd entries[] = {{process.get(), POLLIN, 0}, {requests.descriptor(), POLLIN, 0}};
    const int found = ::poll(entries, std::size(entries), std::max(0, static_cast<int>(left.count())));
    if (found > 0 && entries[0].revents != 0) return true;
    requests.give_way_to_younger();
    if (found == 0) return false;
  }
}

// By a descriptor: its number may be another's by then.
void end_process(pid_t pid, std::span<const int> signals, const Requests& requests, const io::Log& log) {
  if (pid <= 0) throw app::UsageError("up runs in a PID namespace that cannot be seen from here: end it there");
  const io::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.is_open()) return;  // it has just ended, and then its name is free
  log.info("ending process " + std::to_string(pid));
  for (const int number : signals) {
    if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) != 0 && errno != ESRCH) {
      throw boost::system::system_error(io::last_error(), "ending process " + std::to_string(pid));
    }
    if (has_ended(process, requests)) return;
  }
}

}  // namespace

void hold_takeover() {
  const auto set = takeover_set();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void let_go_takeover() {
  const auto set = takeover_set();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Instance::Instance(const std::string& name) : name_(name), socket_(listening_socket(name)) {}

bool Instance::is_wanted() const { return holder_but(name_, Role::up).has_value(); }

// First to be seen, then to look: of two at least one sees the other.
std::optional<Instance> Instance::take() {
  const auto name = new_name(Role::up);
  Instance made(name);
  if (holder_but(name, Role::up)) return std::nullopt;
  return made;
}

// Nobody can begin while we hold it.
Instance Instance::take_from_others(std::span<const int> signals, const io::Log& log, Role role) {
  const auto name = new_name(role);
  const Requests requests;
  Instance made(name);
  for (int i = 0; i < most_tries; ++i) {
    // Those of ones that have given way must not end us later on.
    requests.give_way_to_younger();
    const auto other = holder_but(name, role);
    if (!other) return made;
    end_process(*other, signals, requests, log);
  }
  throw app::UsageError("another process begins again and again", io::ExitStatus::os_error);
}

void Instance::let_callers_go() const {
  for (int i = 0; i < most_callers; ++i) {
    if (!io::Descriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)).is_open()) return;
  }
}

std::optional<pid_t> Instance::holder(Role role) { return holder_but("", role); }

}  // namespace tfunnel::client
