// The least that an upstream proxy can be: it moves streams with splice(2), a thread a direction.
//   connect_relay PORT               to wherever CONNECT says (addresses only)
//   connect_relay PORT ADDRESS:PORT  without a word, always there
// The two differ by the handshake alone, so the rest of what they cost is the same.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

namespace {

constexpr int pipe_size = 1 << 20;

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(std::uint16_t(port));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || ::listen(fd, 128) != 0) {
    std::perror("connect_relay: listen");
    std::exit(1);
  }
  return fd;
}

// ADDRESS:PORT, IPv4.
int connect_to(const std::string& where) {
  const auto colon = where.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(std::uint16_t(std::atoi(where.c_str() + colon + 1)));
  if (colon == std::string::npos || ::inet_pton(AF_INET, where.substr(0, colon).c_str(), &to.sin_addr) != 1) return -1;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  ::close(fd);
  return -1;
}

// The destination of the request head, read byte by byte since what follows belongs to the stream.
std::optional<std::string> read_request(int fd) {
  std::string head;
  for (char byte = 0; !head.ends_with("\r\n\r\n"); head += byte) {
    if (head.size() > 8192 || ::read(fd, &byte, 1) != 1) return std::nullopt;
  }
  if (!head.starts_with("CONNECT ")) return std::nullopt;
  return head.substr(8, head.find(' ', 8) - 8);
}

void move(int from, int to) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  ::fcntl(ends[1], F_SETPIPE_SZ, pipe_size);
  for (;;) {
    auto held = ::splice(from, nullptr, ends[1], nullptr, pipe_size, SPLICE_F_MOVE);
    if (held <= 0) break;
    while (held > 0) {
      const auto moved = ::splice(ends[0], nullptr, to, nullptr, std::size_t(held), SPLICE_F_MOVE);
      if (moved <= 0) break;
      held -= moved;
    }
    if (held > 0) break;
  }
  ::shutdown(to, SHUT_WR);
  ::close(ends[0]);
  ::close(ends[1]);
}

void serve(int application, const std::string& always) {
  const auto where = always.empty() ? read_request(application) : always;
  const int server = where ? connect_to(*where) : -1;
  const std::string answer = server < 0 ? "HTTP/1.1 502 Bad Gateway\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
  const bool told = !always.empty() || ::write(application, answer.data(), answer.size()) == ssize_t(answer.size());
  if (server >= 0 && told) {
    no_delay(application);
    no_delay(server);
    std::thread back([=] { move(server, application); });
    move(application, server);
    back.join();
  }
  ::close(server);
  ::close(application);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: %s PORT [ADDRESS:PORT]\n", argv[0]);
    return 64;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const int listener = listen_on(std::atoi(argv[1]));
  for (;;) {
    const int application = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (application >= 0) std::thread(serve, application, std::string(argc == 3 ? argv[2] : "")).detach();
  }
}
