// UDP at a wished rate, counted where it arrives.
//
// The count of arrivals inside the window is asked over TCP past the tunnel (--control), so neither a queue
// that drains afterwards nor a lost answer changes the figure.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

constexpr const char* kUsage = R"(usage: udp_load serve --port P
       udp_load run --to ADDR --control ADDR --port P [--size 1200] [--rate-mbit 3000]
                [--warmup 0.5] [--seconds 3] [--segments 1]
  --segments N: N datagrams a system call by generic segmentation offload (UDP_SEGMENT)
)";

constexpr std::size_t kBatch = 32;

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string to;
  std::string control;
  std::uint16_t port = 0;
  std::size_t size = 1200;
  double rate_mbit = 3000;
  double warmup = 0.5;
  double seconds = 3;
  std::size_t segments = 1;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int open_socket(int type) {
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (::inet_pton(AF_INET, text.c_str(), &result.sin_addr) != 1) throw UsageError("not an IPv4 address: " + text);
  return result;
}

int bind_any(int type, std::uint16_t port) {
  const int fd = open_socket(type);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto any = address_of("0.0.0.0", port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) fail("bind");
  return fd;
}

int dial(int type, const std::string& address, std::uint16_t port) {
  const int fd = open_socket(type);
  const auto where = address_of(address, port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) fail("connect");
  return fd;
}

// `count` messages over one buffer: nobody looks at what is inside.
std::vector<mmsghdr> messages_over(iovec& part, std::size_t count) {
  std::vector<mmsghdr> messages(count);
  for (auto& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  return messages;
}

// --- server ------------------------------------------------------------------------------------

struct Tally {
  std::atomic<std::uint64_t> datagrams{0};
  std::atomic<std::uint64_t> bytes{0};
};

Tally tally;

void count_datagrams(int fd) {
  const int room = 32 << 20;  // what is lost shall be lost in the tunnel
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  std::vector<char> space(65536);
  iovec part{space.data(), space.size()};
  auto messages = messages_over(part, kBatch);
  for (;;) {
    const int count = ::recvmmsg(fd, messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    for (int i = 0; i < count; ++i) tally.bytes += messages[std::size_t(i)].msg_len;
    if (count > 0) tally.datagrams += std::uint64_t(count);
  }
}

void answer_counts(int fd) {
  for (char question = 0; ::recv(fd, &question, 1, 0) == 1;) {
    const std::array<std::uint64_t, 2> counts{tally.datagrams, tally.bytes};
    if (::send(fd, counts.data(), sizeof counts, MSG_NOSIGNAL) < 0) break;
  }
  ::close(fd);
}

int serve(std::uint16_t port) {
  const int listener = bind_any(SOCK_STREAM, port);
  if (::listen(listener, 16) != 0) fail("listen");
  std::thread(count_datagrams, bind_any(SOCK_DGRAM, port)).detach();
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) fail("accept");
    std::thread(answer_counts, fd).detach();
  }
}

// --- client ------------------------------------------------------------------------------------

// Sends on its own clock; what it could not send in time it does not make up for later.
class Sender {
 public:
  explicit Sender(const Options& options)
      : fd_(dial(SOCK_DGRAM, options.to, options.port)),
        segments_(options.segments),
        per_second_(options.rate_mbit * 1e6 / 8 / double(options.size)),
        space_(options.size * options.segments) {
    const int size = int(options.size);
    if (segments_ > 1 && ::setsockopt(fd_, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) != 0) fail("UDP_SEGMENT");
  }

  void run() {
    iovec part{space_.data(), space_.size()};
    auto messages = messages_over(part, std::max<std::size_t>(kBatch / segments_, 1));
    const double all = double(messages.size() * segments_);
    for (double due = now(); !stop_;) {
      const double behind = now() - due;
      if (behind < 0) {
        std::this_thread::sleep_for(std::chrono::duration<double>(-behind));
        continue;
      }
      // A refused send (a full queue, an ICMP error) is a loss at our own end, and counts as sent.
      (void)!::sendmmsg(fd_, messages.data(), unsigned(messages.size()), 0);
      sent_ += std::uint64_t(all);
      due += all / per_second_;
      if (behind > 0.005) due = now();
    }
  }

  void stop() { stop_ = true; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  int fd_;
  std::size_t segments_;
  double per_second_;
  std::vector<char> space_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> stop_{false};
};

struct Counts {
  double time;
  std::uint64_t sent;
  std::array<std::uint64_t, 2> arrived;
};

Counts count(int control, const Sender& sender) {
  Counts counts{now(), sender.sent(), {}};
  const char question = '?';
  if (::send(control, &question, 1, MSG_NOSIGNAL) != 1 ||
      ::recv(control, counts.arrived.data(), sizeof counts.arrived, MSG_WAITALL) != ssize_t(sizeof counts.arrived))
    throw std::runtime_error("the control connection broke");
  return counts;
}

int run(const Options& options) {
  const int control = dial(SOCK_STREAM, options.control, options.port);
  Sender sender(options);
  std::thread sending([&] { sender.run(); });
  std::this_thread::sleep_for(std::chrono::duration<double>(options.warmup));
  const auto first = count(control, sender);
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  const auto last = count(control, sender);
  sender.stop();
  sending.join();
  const double seconds = last.time - first.time;
  const double sent = double(last.sent - first.sent);
  const double arrived = double(last.arrived[0] - first.arrived[0]);
  std::printf("{\"offered_mbit_s\": %.1f, \"goodput_mbit_s\": %.1f, \"loss_percent\": %.2f}\n",
              sent * double(options.size) * 8 / seconds / 1e6,
              double(last.arrived[1] - first.arrived[1]) * 8 / seconds / 1e6,
              sent > 0 ? 100 * std::max(0.0, 1 - arrived / sent) : 0.0);
  return 0;
}

void set_option(Options& options, const std::string& name, const std::string& value) {
  const auto number = [&] { return std::atof(value.c_str()); };
  if (name == "--to")
    options.to = value;
  else if (name == "--control")
    options.control = value;
  else if (name == "--port")
    options.port = std::uint16_t(number());
  else if (name == "--size")
    options.size = std::size_t(number());
  else if (name == "--rate-mbit")
    options.rate_mbit = number();
  else if (name == "--warmup")
    options.warmup = number();
  else if (name == "--seconds")
    options.seconds = number();
  else if (name == "--segments")
    options.segments = std::clamp<std::size_t>(std::size_t(number()), 1, kBatch);
  else
    throw UsageError("unknown option: " + name);
}

int start(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  Options options;
  if (argc % 2 != 0) throw UsageError("options take one value each");
  for (int i = 2; i + 1 < argc; i += 2) set_option(options, argv[i], argv[i + 1]);
  if (command == "serve") return serve(options.port);
  if (command == "run") return run(options);
  throw UsageError("which command?");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return start(argc, argv);
  } catch (const UsageError& problem) {
    std::fprintf(stderr, "udp_load: %s\n%s", problem.what(), kUsage);
    return 64;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "udp_load: %s\n", problem.what());
    return 1;
  }
}
