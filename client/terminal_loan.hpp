// Lends the terminal to a link's command that asks for it: ssh, for a passphrase.
#pragma once

#include <sys/types.h>

namespace tfunnel::client {

/// The command runs in a background process group, so reading the terminal stops it (SIGTTIN, SIGTTOU). If our own
/// group has the terminal at that time, as it has before there is a tunnel, it may be lent.
class TerminalLoan {
 public:
  /// `owner`: the process group whose terminal it is.
  explicit TerminalLoan(pid_t owner) : owner_(owner) {}
  ~TerminalLoan() { take_back(); }
  TerminalLoan(const TerminalLoan&) = delete;
  TerminalLoan& operator=(const TerminalLoan&) = delete;

  /// Makes `group` the terminal's foreground group and continues it. False: it is not ours to lend.
  bool lend(pid_t group);
  /// Gives the terminal back to its owner, and continues who has been stopped for wanting it meanwhile.
  void take_back();

 private:
  pid_t owner_;
  pid_t borrower_ = 0;
};

}  // namespace tfunnel::client
