// The real programs with pipes for a link; the test plays the far end.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/io/exit_status.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {

/// A program to be tested, and the role that it takes.
struct ProgramKind {
  std::string name;
  std::string path;
  bool client;

  [[nodiscard]] wire::Role far_role() const { return client ? wire::ROLE_PROXY : wire::ROLE_CLIENT; }
};

/// For gtest's messages.
inline void PrintTo(const ProgramKind& kind, std::ostream* out) { *out << kind.name; }

/// tfunnel-proxy-only, and tfunnel as proxy and as client where it was built.
std::vector<ProgramKind> program_kinds();

class Program {
 public:
  /// Where it writes the link to: a pipe, a socket that is soon full, or a TCP connection that it also reads from.
  enum class Output { pipe, small_socket, tcp };

  /// Two descriptors of one stream.
  struct Ends {
    int read;
    int write;
  };

  /// Starts it; a client gets a free port.
  explicit Program(const ProgramKind& kind, std::vector<std::string> arguments = {}, Output output = Output::pipe);
  /// With `errors` for its standard error, which are closed with this; it is not read before read_errors().
  Program(const ProgramKind& kind, std::vector<std::string> arguments, Ends errors);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// False if it no longer reads.
  bool write(const Bytes& bytes);
  /// As urgent data of TCP. REQUIRES: Output::tcp.
  bool write_urgent(std::uint8_t byte);
  /// All that may be written without waiting; returns how much.
  std::size_t write_what_fits(const Bytes& bytes);
  void close_input();
  void signal(int number);
  /// Waits until `text` has appeared on its standard error.
  bool said(const std::string& text);
  /// Waits for its end and collects all output. Fails the test and kills it if it hangs.
  int wait();

  [[nodiscard]] bool running();
  [[nodiscard]] const std::string& errors() const { return errors_; }
  /// All that it wrote to the link; after wait().
  [[nodiscard]] const Bytes& output() const { return output_; }
  /// The GoAway that was its last word, if it was.
  [[nodiscard]] std::optional<wire::GoAway> last_words() const;
  /// Reads standard error from here.
  void read_errors() { reading_errors_ = true; }
  /// Reads nothing of the link from here.
  void stop_reading();
  /// Reads the link's output until it holds at least `size` bytes.
  bool wait_output(std::size_t size);

 private:
  void start(const ProgramKind& kind, std::vector<std::string> arguments, Output output, Ends errors);
  /// Takes what there is on both outputs, waiting at most `limit`.
  void collect(std::chrono::milliseconds limit);

  int pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  bool reading_ = true;
  bool reading_errors_ = true;
  std::optional<int> status_;
  Bytes output_;
  std::string errors_;
};

/// Greeting and Hello as a far end of `role` starts.
Bytes introduction(wire::Role role);

constexpr int code(io::ExitStatus status) { return static_cast<int>(status); }

/// Skips the test if the kind cannot run here (the client needs capabilities).
#define TFUNNEL_SKIP_UNLESS_PERMITTED(kind)                             \
  if ((kind).client && !::tfunnel::test::client_is_permitted()) {       \
    GTEST_SKIP() << "the client may not open transparent sockets here"; \
  }                                                                     \
  static_assert(true)
bool client_is_permitted();

}  // namespace tfunnel::test
