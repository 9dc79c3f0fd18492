// traffic idle: opens connections and holds them until SIGTERM.
//   echo         one byte went each way, then silence; checked once more at the end
//   unread-up    the server reads nothing and we send until nothing more is taken
//   unread-down  the server sends without end and we read nothing
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_wire.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

#include <cerrno>

namespace traffic {
namespace {

struct idle_options {
  std::uint64_t count;
  std::string mode;
};

bool echo_byte(int fd) {
  std::uint8_t byte = 0x5a;
  std::uint8_t answer = 0;
  return send_all(fd, {&byte, 1}) && wait_readable(fd, 10000) && receive_all(fd, {&answer, 1}) && answer == byte;
}

std::uint64_t push(int fd) {
  std::uint64_t taken = 0;
  for (;;) {
    const auto sent = ::send(fd, filler().data(), filler().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return taken;
    taken += std::uint64_t(sent);
  }
}

behaviour behaviour_of(const std::string& mode) {
  if (mode == "echo") return behaviour::echo;
  if (mode == "unread-up") return behaviour::never_read;
  if (mode == "unread-down") return behaviour::source;
  throw usage_error("--mode is echo, unread-up or unread-down");
}

// Waits for the signal; what a blocked flow takes meanwhile is offered again and again.
std::uint64_t hold(const std::vector<unique_fd>& open, const idle_options& options, const sigset_t& signals) {
  std::uint64_t pushed = 0;
  const timespec tick{0, 50'000'000};
  const bool pushing = options.mode == "unread-up";
  for (;;) {
    if (pushing)
      for (const auto& fd : open) pushed += push(fd.get());
    if ((pushing ? ::sigtimedwait(&signals, nullptr, &tick) : ::sigwaitinfo(&signals, nullptr)) > 0) return pushed;
  }
}

}  // namespace

int run_idle(arguments& args) {
  const target where(args);
  const idle_options options{args.number("count", 100), args.text("mode", "echo")};
  const auto what = behaviour_of(options.mode);
  args.finish();
  raise_descriptor_limit();
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);

  std::vector<unique_fd> open;
  failures failed;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    try {
      open.push_back(connect_tcp(where.to, where.from));
      send_all(open.back().get(), encode({what, 0, 0, 0, 0, 0}));
      if (what == behaviour::echo && !echo_byte(open.back().get()))
        throw std::runtime_error("no echo " + errno_name(errno));
    } catch (const std::exception& problem) {
      failed.add("connection " + std::to_string(i) + ": " + problem.what());
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  const auto pushed = hold(open, options, signals);
  for (const auto& fd : open)
    if (what == behaviour::echo && !echo_byte(fd.get())) failed.add("did not survive");
  json_line().add("open", std::uint64_t{open.size()}).add("failed", failed.count()).add("pushed", pushed).print();
  return failed.count() ? 1 : 0;
}

}  // namespace traffic
