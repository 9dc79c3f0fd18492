#include "tests/integration/support/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "common/core/greeting.hpp"
#include "tests/unit/support/hex_example.hpp"

namespace tfunnel::test {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends.data()), 0); }
  explicit Pipe(Program::Output output) {
    if (output == Program::Output::pipe) {
      EXPECT_EQ(::pipe(ends.data()), 0);
      return;
    }
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const int small = 4096;
    ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  std::array<int, 2> ends{};  // for reading, for writing
};

/// Both ways of one TCP connection: the program's ends, and the test's.
void join_by_tcp(Pipe& in, Pipe& out) {
  Server server;
  auto near = bound_socket(SOCK_STREAM);
  EXPECT_TRUE(connect(near, server.endpoint()));
  auto far = server.accept();
  for (const int fd : {in.ends[0], in.ends[1], out.ends[0], out.ends[1]}) ::close(fd);
  in.ends = {::dup(far.fd()), ::dup(near.fd())};
  out.ends = {::dup(near.fd()), ::dup(far.fd())};
}

[[noreturn]] void become(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  ::_exit(127);
}

/// Appends what can be read now; closes the descriptor at its end.
template <class Container>
void take(int& fd, Container& into) {
  std::array<char, 65'536> part{};
  const auto count = ::read(fd, part.data(), part.size());
  if (count > 0) {
    into.insert(into.end(), part.begin(), part.begin() + count);
  } else if (count == 0 || errno == EIO) {  // a terminal's end
    ::close(std::exchange(fd, -1));
  }
}

}  // namespace

std::vector<ProgramKind> program_kinds() {
  return {
      {"ProxyOnly", TFUNNEL_PROXY_ONLY_PROGRAM, false},
#ifdef TFUNNEL_PROGRAM
      {"Proxy", TFUNNEL_PROGRAM, false},
      {"Client", TFUNNEL_PROGRAM, true},
#endif
  };
}

bool client_is_permitted() {
#ifdef TFUNNEL_PROGRAM
  static const bool permitted = [] {
    Program client({"Client", TFUNNEL_PROGRAM, true});
    client.close_input();
    return client.wait() != code(io::ExitStatus::no_permission);
  }();
  return permitted;
#else
  return false;
#endif
}

Program::Program(const ProgramKind& kind, std::vector<std::string> arguments, Output output) {
  const Pipe errors;
  start(kind, std::move(arguments), output, {errors.ends[0], errors.ends[1]});
}

Program::Program(const ProgramKind& kind, std::vector<std::string> arguments, Ends errors) : reading_errors_(false) {
  start(kind, std::move(arguments), Output::pipe, errors);
}

void Program::start(const ProgramKind& kind, std::vector<std::string> arguments, Output output, Ends errors) {
  std::signal(SIGPIPE, SIG_IGN);
  if (kind.client) arguments.push_back("--port=" + std::to_string(closed_endpoint(SOCK_STREAM).port));
  Pipe in;
  Pipe out(output);
  if (output == Output::tcp) join_by_tcp(in, out);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(in.ends[0], STDIN_FILENO);
    ::dup2(out.ends[1], STDOUT_FILENO);
    ::dup2(errors.write, STDERR_FILENO);
    for (int fd = 3; fd < 256; ++fd) ::close(fd);
    become(kind.path, arguments);
  }
  for (const int fd : {in.ends[0], out.ends[1], errors.write}) ::close(fd);
  in_ = in.ends[1];
  out_ = out.ends[0];
  err_ = errors.read;
  for (const int fd : {in_, out_, err_}) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

Program::~Program() {
  if (!status_ && pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {in_, out_, err_}) {
    if (fd >= 0) ::close(fd);
  }
}

std::size_t Program::write_what_fits(const Bytes& bytes) {
  const auto count = ::write(in_, bytes.data(), bytes.size());
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool Program::write(const Bytes& bytes) {
  const auto deadline = Clock::now() + patience;
  for (std::size_t at = 0; at < bytes.size() && Clock::now() < deadline;) {
    const auto count = ::write(in_, bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno != EAGAIN) return false;
    if (count < 0) {
      collect(milliseconds(5));
    } else {
      at += static_cast<std::size_t>(count);
    }
  }
  return true;
}

bool Program::write_urgent(std::uint8_t byte) {
  const auto deadline = Clock::now() + patience;
  while (::send(in_, &byte, 1, MSG_OOB) != 1) {
    if (errno != EAGAIN || Clock::now() >= deadline) return false;
    collect(milliseconds(5));
  }
  return true;
}

void Program::close_input() { ::close(std::exchange(in_, -1)); }

void Program::signal(int number) { ::kill(pid_, number); }

void Program::stop_reading() { reading_ = false; }

void Program::collect(milliseconds limit) {
  std::array<pollfd, 2> entries{{{reading_errors_ ? err_ : -1, POLLIN, 0}, {reading_ ? out_ : -1, POLLIN, 0}}};
  if (entries[0].fd < 0 && entries[1].fd < 0) {
    std::this_thread::sleep_for(milliseconds(2));
    return;
  }
  if (::poll(entries.data(), entries.size(), static_cast<int>(limit.count())) <= 0) return;
  if (entries[0].revents != 0) take(err_, errors_);
  if (entries[1].revents != 0) take(out_, output_);
}

bool Program::said(const std::string& text) {
  const auto deadline = Clock::now() + patience;
  while (errors_.find(text) == std::string::npos && err_ >= 0 && Clock::now() < deadline) collect(milliseconds(20));
  return errors_.find(text) != std::string::npos;
}

bool Program::wait_output(std::size_t size) {
  const auto deadline = Clock::now() + patience;
  while (output_.size() < size && out_ >= 0 && Clock::now() < deadline) collect(milliseconds(20));
  return output_.size() >= size;
}

bool Program::running() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  return !status_;
}

int Program::wait() {
  const auto deadline = Clock::now() + patience;
  while (running() && Clock::now() < deadline) collect(milliseconds(5));
  if (running()) {
    ADD_FAILURE() << "the program hangs; it said: " << errors_;
    ::kill(pid_, SIGKILL);
    return -1;
  }
  reading_ = true;
  reading_errors_ = true;
  while ((err_ >= 0 || out_ >= 0) && Clock::now() < deadline) collect(milliseconds(5));
  EXPECT_EQ(errors_.find("Sanitizer"), std::string::npos) << errors_;
  return *status_;
}

std::optional<wire::GoAway> Program::last_words() const {
  const auto frames = parse_stream(output_);
  const auto* control = frames.empty() ? nullptr : std::get_if<core::ControlFrame>(&frames.back());
  if (control == nullptr || !control->frame.has_go_away()) return std::nullopt;
  return control->frame.go_away();
}

Bytes introduction(wire::Role role) {
  const auto greeting = core::greeting();
  wire::Frame frame;
  frame.mutable_hello()->set_software("test");
  frame.mutable_hello()->set_role(role);
  frame.mutable_hello()->set_initial_credit(65'536);
  frame.mutable_hello()->set_max_flows(100);
  return Bytes(greeting.begin(), greeting.end()) + delimited(frame);
}

}  // namespace tfunnel::test
