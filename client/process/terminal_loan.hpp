// Lends the terminal to a link's command that asks for it: ssh, for a passphrase.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <optional>
#include <vector>

namespace tfunnel::client {

/// The command runs in a background process group, so reading the terminal stops it (SIGTTIN, SIGTTOU). If our own
/// group has the terminal at that time, as it has before there is a tunnel, it may be lent.
class TerminalLoan {
 public:
  /// `owner`: the process group whose terminal it is.
  explicit TerminalLoan(pid_t owner) : owner_(owner) {}
  ~TerminalLoan() { take_back(borrower_); }
  TerminalLoan(const TerminalLoan&) = delete;
  TerminalLoan& operator=(const TerminalLoan&) = delete;

  /// Makes `group` the terminal's foreground group and continues it; if another one has it, `group` waits for its turn.
  /// False: it is not ours to lend.
  bool lend(pid_t group);
  /// `group` needs it no more, and its settings are put back: of two ssh's that ask at the same time the second one
  /// takes the first one's silence for the normal state. The next one in turn gets it; else its owner, and
  /// processes of that group that were stopped for wanting it meanwhile are continued.
  void take_back(pid_t group);
  /// Somebody has it, or waits for it.
  [[nodiscard]] bool in_use() const { return borrower_ != 0; }
  /// The owner needs it from here on: nothing is lent any more.
  void close() { closed_ = true; }

 private:
  bool give_to(pid_t group);

  pid_t owner_;
  pid_t borrower_ = 0;
  std::vector<pid_t> waiting_;  // stopped
  bool closed_ = false;
  std::optional<termios> settings_;  // as they were when the first one got it
};

}  // namespace tfunnel::client
