#include "relay.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace bench {
namespace {

constexpr int kPipeSize = 1 << 20;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void set_option(int fd, int level, int name) {
  const int on = 1;
  if (::setsockopt(fd, level, name, &on, sizeof on) != 0) fail("setsockopt");
}

int accept_one(std::uint16_t port) {
  const int listener = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) fail("socket");
  set_option(listener, SOL_SOCKET, SO_REUSEADDR);
  set_option(listener, SOL_IP, IP_TRANSPARENT);
  set_option(listener, SOL_IPV6, IPV6_TRANSPARENT);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) fail("bind");
  if (::listen(listener, 1) != 0) fail("listen");
  const int accepted = ::accept(listener, nullptr, nullptr);
  if (accepted < 0) fail("accept");
  ::close(listener);
  return accepted;
}

// The near end's local address is where the application wanted to go; it crosses the link first.
int start_near(std::uint16_t port) {
  const int fd = accept_one(port);
  sockaddr_in6 wanted{};
  socklen_t length = sizeof wanted;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&wanted), &length) != 0) fail("getsockname");
  if (::write(STDOUT_FILENO, &wanted, sizeof wanted) != ssize_t(sizeof wanted)) fail("write");
  return fd;
}

int start_far() {
  sockaddr_in6 wanted{};
  auto* space = reinterpret_cast<char*>(&wanted);
  for (std::size_t got = 0; got < sizeof wanted;) {
    const auto n = ::read(STDIN_FILENO, space + got, sizeof wanted - got);
    if (n <= 0) std::exit(0);  // the near end went away without a flow
    got += std::size_t(n);
  }
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (::connect(fd, reinterpret_cast<sockaddr*>(&wanted), sizeof wanted) != 0) fail("connect");
  return fd;
}

// A thread a direction and no event loop: the least that a relay can cost.
void relay(int socket, Pump pump) {
  std::thread to_link([=] {
    std::vector<std::byte> scratch(kScratchSize);
    while (pump(socket, STDOUT_FILENO, scratch.data())) {
    }
    ::close(STDOUT_FILENO);
  });
  std::vector<std::byte> scratch(kScratchSize);
  while (pump(STDIN_FILENO, socket, scratch.data())) {
  }
  ::close(STDIN_FILENO);
  ::shutdown(socket, SHUT_WR);
  to_link.join();
}

int run(int argc, char** argv, Mover mover) {
  const std::string role = argc > 1 ? argv[1] : "";
  const bool near = role == "near" && argc == 3;
  if (!near && !(role == "far" && argc == 2)) {
    std::fprintf(stderr, "usage: %s near PORT | far\n", argv[0]);
    return 64;
  }
  std::signal(SIGPIPE, SIG_IGN);
  ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, kPipeSize);  // no matter if the link is no pipe
  const int socket = near ? start_near(std::uint16_t(std::atoi(argv[2]))) : start_far();
  set_option(socket, IPPROTO_TCP, TCP_NODELAY);
  if (mover.nonblocking_socket) ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  relay(socket, mover.pump);
  return 0;
}

}  // namespace

int run_relay(int argc, char** argv, Mover mover) {
  try {
    return run(argc, argv, mover);
  } catch (const std::system_error& problem) {
    std::fprintf(stderr, "%s: %s\n", argv[0], problem.what());
    return 1;
  }
}

}  // namespace bench
