// Signals of the process that the user started with `tfunnel run`.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

struct ReceivedSignal {
  int number = 0;
  int code = 0;      // si_code of sigaction(2): who sent it
  pid_t sender = 0;  // 0: the kernel, or a process that we cannot see
};

/// Is the signal for the program? A signal of the terminal's keys reaches the program anyway, which is in the same
/// process group; and one that the program itself sent must not come back to it.
bool is_for_program(const ReceivedSignal& signal, pid_t program);

/// Blocks what it wants to hear of, and reads it from a descriptor. Children must call restore() before they become
/// something else.
class FrontSignals {
 public:
  FrontSignals();
  ~FrontSignals() { restore(); }
  FrontSignals(const FrontSignals&) = delete;
  FrontSignals& operator=(const FrontSignals&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// Empty: there is none now.
  std::optional<ReceivedSignal> next();
  /// Did the user's shell have it ignored, as for a job in the background of a script?
  [[nodiscard]] static bool is_ignored(int number);
  /// Mask and dispositions as they were. Safe after fork(2).
  void restore() const;

 private:
  sigset_t before_{};
  struct sigaction child_before_ {};
  struct sigaction pipe_before_ {};
  io::Descriptor descriptor_;
};

/// Stops this process by the signal, as if it had not been blocked; returns when it is continued.
void stop_by(int number);

/// Ends this process by the signal, without a core file.
[[noreturn]] void die_by(int number);

}  // namespace tfunnel::client
