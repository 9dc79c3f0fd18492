// A slow, long link between two commands: each one's stdout goes to the other's stdin.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "emulated_line.hpp"

namespace {

using bench::EmulatedLine;
using bench::kNever;
using bench::kSecond;
using bench::Nanoseconds;

constexpr const char* kUsage = R"(usage: link_emulator [options] -- COMMAND1... -- COMMAND2...
       link_emulator [options] -- COMMAND2...     (its own stdin and stdout are the first end)
  --rate UP[,DOWN]       bytes a second; up is from the first end to the second
  --delay-ms MS          one way
  --buffer BYTES         what a sender may have ahead of the bottleneck (1048576)
  --schedule T:RATE,...  T seconds after the start both rates become RATE; 0 stops the link
SIGUSR1 stops the link, SIGUSR2 lets it go on.
)";

struct Change {
  Nanoseconds at;
  double rate;
};

struct Options {
  std::array<double, 2> rates{1e6, 1e6};
  Nanoseconds delay = 0;
  std::size_t buffer = 1 << 20;
  std::vector<Change> schedule;
  std::vector<std::vector<char*>> commands;  // each ends with a null
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

double number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || value < 0) throw UsageError("not a number: " + text);
  return value;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

void set_option(Options& options, const std::string& name, const std::string& value) {
  if (name == "--rate") {
    const auto parts = split(value, ',');
    options.rates = {number(parts.front()), number(parts.back())};
  } else if (name == "--delay-ms") {
    options.delay = Nanoseconds(number(value) * 1e6);
  } else if (name == "--buffer") {
    options.buffer = std::max<std::size_t>(std::size_t(number(value)), 1);
  } else if (name == "--schedule") {
    for (const auto& entry : split(value, ',')) {
      const auto parts = split(entry, ':');
      if (parts.size() != 2) throw UsageError("a schedule is T:RATE,...");
      options.schedule.push_back({Nanoseconds(number(parts[0]) * kSecond), number(parts[1])});
    }
  } else {
    throw UsageError("unknown option: " + name);
  }
}

Options parse(int argc, char** argv) {
  Options options;
  int i = 1;
  for (; i < argc && std::strcmp(argv[i], "--") != 0; i += 2) {
    if (i + 1 >= argc) throw UsageError(std::string(argv[i]) + " takes a value");
    set_option(options, argv[i], argv[i + 1]);
  }
  for (; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") == 0 && options.commands.size() < 2)
      options.commands.emplace_back();
    else
      options.commands.back().push_back(argv[i]);
  }
  if (options.commands.empty()) throw UsageError("which commands?");
  for (auto& command : options.commands) {
    if (command.empty()) throw UsageError("an empty command");
    command.push_back(nullptr);
  }
  return options;
}

struct End {
  int from = STDIN_FILENO;  // what this end writes
  int to = STDOUT_FILENO;   // what it reads
  pid_t pid = -1;           // -1: not ours
};

End start(const std::vector<char*>& command) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0) fail("pipe");
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(down[0], STDIN_FILENO);
    ::dup2(up[1], STDOUT_FILENO);
    ::execvp(command[0], command.data());
    std::perror(command[0]);
    ::_exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  return {up[0], down[1], pid};
}

// A late emulator would show as a slower link, so it goes before the processes it is to measure.
void take_precedence() {
  const sched_param lowest{1};
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) != 0) ::setpriority(PRIO_PROCESS, 0, -10);
  ::prctl(PR_SET_TIMERSLACK, 1);
}

class Emulator {
 public:
  explicit Emulator(const Options& options) : options_(options) {
    block_signals();
    if (options.commands.size() == 2) ends_[0] = start(options.commands.front());
    ends_[1] = start(options.commands.back());
    double max_rate = std::max(options.rates[0], options.rates[1]);
    for (const auto& change : options.schedule) max_rate = std::max(max_rate, change.rate);
    for (std::size_t i = 0; i < 2; ++i)
      lines_.emplace_back(ends_[i].from, ends_[1 - i].to,
                          bench::LineSettings{options.rates[i], max_rate, options.delay, options.buffer});
    started_ = bench::monotonic_now();
    take_precedence();
  }

  int run() {
    std::fprintf(stderr, "link_emulator: started at %.6f\n", double(started_) / kSecond);
    for (;;) {
      for (auto& line : lines_) line.advance();
      if (stopped_ || (lines_[0].finished() && lines_[1].finished())) return finish();
      wait();
      apply_schedule();
    }
  }

 private:
  void block_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) ::sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals_ < 0) fail("signalfd");
  }

  void wait() {
    std::vector<pollfd> watched{{signals_, POLLIN, 0}};
    auto deadline = kNever;
    for (const auto& line : lines_) {
      if (line.wants_input()) watched.push_back({line.in(), POLLIN, 0});
      if (line.wants_output()) watched.push_back({line.out(), POLLOUT, 0});
      deadline = std::min(deadline, line.deadline());
    }
    if (next_change_ < options_.schedule.size())
      deadline = std::min(deadline, started_ + options_.schedule[next_change_].at);
    const auto left = std::max<Nanoseconds>(deadline - bench::monotonic_now(), 0);
    const timespec timeout{left / kSecond, left % kSecond};
    ::ppoll(watched.data(), watched.size(), deadline == kNever ? nullptr : &timeout, nullptr);
    if (watched.front().revents) handle_signal();
  }

  void handle_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != ssize_t(sizeof info)) return;
    if (info.ssi_signo == SIGUSR1)
      for (auto& line : lines_) line.set_rate(0);
    else if (info.ssi_signo == SIGUSR2)
      for (std::size_t i = 0; i < 2; ++i) lines_[i].set_rate(options_.rates[i]);
    else
      stopped_ = true;
  }

  void apply_schedule() {
    const auto passed = bench::monotonic_now() - started_;
    for (; next_change_ < options_.schedule.size() && options_.schedule[next_change_].at <= passed; ++next_change_) {
      const double rate = options_.schedule[next_change_].rate;
      if (rate > 0) options_.rates = {rate, rate};
      for (auto& line : lines_) line.set_rate(rate);
    }
  }

  int finish() {
    for (std::size_t i = 0; i < 2; ++i)
      std::fprintf(stderr, "link_emulator: %s %llu bytes, at most %zu waiting\n", i ? "down" : "up",
                   static_cast<unsigned long long>(lines_[i].delivered()), lines_[i].most_queued());
    int status = 0;
    for (const auto& end : ends_) {
      if (end.pid < 0) continue;
      if (stopped_) ::kill(end.pid, SIGTERM);
      ::waitpid(end.pid, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  Options options_;
  std::array<End, 2> ends_;
  std::vector<EmulatedLine> lines_;
  Nanoseconds started_ = 0;
  std::size_t next_change_ = 0;
  int signals_ = -1;
  bool stopped_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    return Emulator(parse(argc, argv)).run();
  } catch (const UsageError& problem) {
    std::fprintf(stderr, "link_emulator: %s\n%s", problem.what(), kUsage);
    return 64;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "link_emulator: %s\n", problem.what());
    return 1;
  }
}
