// A small request flow beside bulk flows, for slow links.
//
// Bulk is counted where it arrives, inside a window, and cut off at the end: a queue of megabytes
// would take minutes to drain. The far side's count comes over a connection that does not pass
// through the tunnel (--control). Requests are sent on time whether or not answers came (an open
// loop), so one long wait is not counted once but as often as somebody would have felt it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

constexpr const char* kUsage = R"(usage: load_probe serve --port P
       load_probe run --to ADDR --port P --control ADDR --direction none|up|down|both
                  [--flows 4] [--warmup 3] [--seconds 6] [--interval-ms 20] [--size 64] [--slice-ms MS]
)";

// The wish in a connection's first byte.
enum class Wish : char { sink = 'U', source = 'D', echo = 'E', count = 'C' };

constexpr std::size_t kChunk = 64 * 1024;
constexpr double kPatience = 20;  // seconds for the last answers after the window

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void sleep_until(double time) {
  const double left = time - now();
  if (left > 0) std::this_thread::sleep_for(std::chrono::duration<double>(left));
}

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

bool send_all(int fd, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  for (ssize_t sent = 0; size > 0; at += sent, size -= std::size_t(sent)) {
    sent = ::send(fd, at, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
  }
  return true;
}

bool receive_all(int fd, void* data, std::size_t size) { return ::recv(fd, data, size, MSG_WAITALL) == ssize_t(size); }

// --- server ------------------------------------------------------------------------------------

std::atomic<std::uint64_t> sunk{0};

std::uint64_t discard(int fd, std::atomic<std::uint64_t>& count) {
  std::vector<char> space(kChunk);
  for (;;) {
    const auto got = ::recv(fd, space.data(), space.size(), 0);
    if (got <= 0) return count;
    count += std::uint64_t(got);
  }
}

void pour(int fd) {
  const std::vector<char> filler(kChunk, 'x');
  while (send_all(fd, filler.data(), filler.size())) {
  }
}

void echo(int fd) {
  std::vector<char> space(kChunk);
  for (;;) {
    const auto got = ::recv(fd, space.data(), space.size(), 0);
    if (got <= 0 || !send_all(fd, space.data(), std::size_t(got))) return;
  }
}

void answer_counts(int fd) {
  for (char question = 0; receive_all(fd, &question, 1);) {
    const std::uint64_t count = sunk;
    if (!send_all(fd, &count, sizeof count)) return;
  }
}

void serve_connection(int fd) {
  char wish = 0;
  if (receive_all(fd, &wish, 1)) {
    if (Wish(wish) == Wish::sink) discard(fd, sunk);
    if (Wish(wish) == Wish::source) pour(fd);
    if (Wish(wish) == Wish::echo) echo(fd);
    if (Wish(wish) == Wish::count) answer_counts(fd);
  }
  ::close(fd);
}

int serve(std::uint16_t port) {
  const int listener = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) fail("bind");
  if (::listen(listener, 128) != 0) fail("listen");
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) fail("accept");
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread(serve_connection, fd).detach();
  }
}

// --- client ------------------------------------------------------------------------------------

struct Options {
  std::string to;
  std::string control;
  std::string direction = "none";
  std::uint16_t port = 0;
  int flows = 4;
  double warmup = 3;
  double seconds = 6;
  double interval = 0.02;
  double slice = 0;  // also report what happened in each slice of this many seconds
  std::size_t size = 64;
};

int dial(const std::string& address, std::uint16_t port, Wish wish) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &where.sin_addr) != 1)
    throw std::runtime_error("not an IPv4 address: " + address);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const linger reset{1, 0};
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) fail("connect");
  const char letter = char(wish);
  if (!send_all(fd, &letter, 1)) fail("send");
  return fd;
}

// Requests carry the time they were due; the echo brings it back.
class RequestFlow {
 public:
  explicit RequestFlow(const Options& options) : options_(options), fd_(dial(options.to, options.port, Wish::echo)) {
    std::thread([this] { receive(); }).detach();
  }

  // Returns when the last request was sent; `ask_until` may not be reached if nothing is taken.
  void ask(double from, double until) {
    std::vector<char> message(options_.size);
    for (double due = from; due < until; due += options_.interval) {
      sleep_until(due);
      std::memcpy(message.data(), &due, sizeof due);
      ++asked_;
      if (!send_all(fd_, message.data(), message.size())) return;
    }
  }

  [[nodiscard]] std::uint64_t asked() const { return asked_; }
  std::map<double, double> answers() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  void receive() {
    std::vector<char> message(options_.size);
    while (receive_all(fd_, message.data(), message.size())) {
      double due = 0;
      std::memcpy(&due, message.data(), sizeof due);
      const std::lock_guard lock(mutex_);
      answers_[due] = now() - due;
    }
  }

  const Options& options_;
  int fd_;
  std::atomic<std::uint64_t> asked_{0};
  std::mutex mutex_;
  std::map<double, double> answers_;  // when asked -> round trip in seconds
};

struct Counts {
  double time = 0;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
};

class Probe {
 public:
  explicit Probe(const Options& options)
      : options_(options), control_(dial(options.control, options.port, Wish::count)), requests_(options) {}

  int run() {
    const double started = now();
    const double from = started + options_.warmup;
    const double until = from + options_.seconds;
    start_bulk();
    std::thread([this, started, until] { requests_.ask(started, until); }).detach();
    const double step = options_.slice > 0 ? options_.slice : options_.seconds;
    for (double time = from; time < until + step / 2; time += step) {
      sleep_until(time);
      counts_.push_back(count());
    }
    wait_for_answers(until + kPatience);
    report();
    std::fflush(stdout);
    ::_exit(0);  // resets whatever is still open, threads and all
  }

 private:
  void start_bulk() {
    const bool up = options_.direction == "up" || options_.direction == "both";
    const bool down = options_.direction == "down" || options_.direction == "both";
    for (int i = 0; i < options_.flows; ++i) {
      if (up) std::thread(pour, dial(options_.to, options_.port, Wish::sink)).detach();
      if (down)
        std::thread([this, fd = dial(options_.to, options_.port, Wish::source)] { discard(fd, drained_); }).detach();
    }
  }

  Counts count() {
    Counts counts{now(), 0, drained_};
    const char question = '?';
    if (!send_all(control_, &question, 1) || !receive_all(control_, &counts.up, sizeof counts.up))
      throw std::runtime_error("the control connection broke");
    return counts;
  }

  void wait_for_answers(double patience_ends) {
    while (now() < patience_ends && requests_.answers().size() < requests_.asked())
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  static double percentile(std::vector<double>& values, double fraction) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(std::size_t(fraction * double(values.size())), values.size() - 1)];
  }

  void print_times(double from, double until) {
    std::vector<double> times;
    for (const auto& [asked, took] : requests_.answers())
      if (asked >= from && asked < until) times.push_back(took * 1000);
    const auto expected = std::uint64_t((until - from) / options_.interval);
    std::printf("\"count\": %zu, \"unanswered\": %llu", times.size(),
                static_cast<unsigned long long>(expected > times.size() + 1 ? expected - times.size() : 0));
    std::printf(", \"median_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"min_ms\": %.3f", percentile(times, 0.5),
                percentile(times, 0.99), percentile(times, 1), percentile(times, 0));
  }

  void print_window(const Counts& first, const Counts& last) {
    const double seconds = last.time - first.time;
    std::printf("\"from\": %.3f, \"up_bytes_s\": %.0f, \"down_bytes_s\": %.0f, ", first.time,
                double(last.up - first.up) / seconds, double(last.down - first.down) / seconds);
    print_times(first.time, last.time);
  }

  void report() {
    std::printf("{");
    print_window(counts_.front(), counts_.back());
    if (options_.slice > 0) {
      std::printf(", \"slices\": [");
      for (std::size_t i = 0; i + 1 < counts_.size(); ++i) {
        std::printf(i ? ", {" : "{");
        print_window(counts_[i], counts_[i + 1]);
        std::printf("}");
      }
      std::printf("]");
    }
    std::printf("}\n");
  }

  Options options_;
  int control_;
  RequestFlow requests_;
  std::atomic<std::uint64_t> drained_{0};
  std::vector<Counts> counts_;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void set_option(Options& options, const std::string& name, const std::string& value) {
  const auto number = [&] { return std::atof(value.c_str()); };
  if (name == "--to")
    options.to = value;
  else if (name == "--control")
    options.control = value;
  else if (name == "--direction")
    options.direction = value;
  else if (name == "--port")
    options.port = std::uint16_t(number());
  else if (name == "--flows")
    options.flows = int(number());
  else if (name == "--warmup")
    options.warmup = number();
  else if (name == "--seconds")
    options.seconds = number();
  else if (name == "--interval-ms")
    options.interval = number() / 1000;
  else if (name == "--slice-ms")
    options.slice = number() / 1000;
  else if (name == "--size")
    options.size = std::max(sizeof(double), std::size_t(number()));
  else
    throw UsageError("unknown option: " + name);
}

int start(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  Options options;
  if (argc % 2 != 0) throw UsageError("options take one value each");
  for (int i = 2; i + 1 < argc; i += 2) set_option(options, argv[i], argv[i + 1]);
  std::signal(SIGPIPE, SIG_IGN);
  if (command == "serve") return serve(options.port);
  if (command == "run") return Probe(options).run();
  throw UsageError("which command?");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return start(argc, argv);
  } catch (const UsageError& problem) {
    std::fprintf(stderr, "load_probe: %s\n%s", problem.what(), kUsage);
    return 64;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "load_probe: %s\n", problem.what());
    return 1;
  }
}
