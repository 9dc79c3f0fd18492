// The terminal that `tfunnel run` was started from.
#pragma once

#include <sys/types.h>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Remembers which process group had the terminal.
class Terminal {
 public:
  Terminal();

  /// A shell with job control takes the terminal, and cannot give it back: in its pid namespace our process group has
  /// no number. Gives it back to ours if ours had it, and who has it now is gone.
  void give_back();

 private:
  io::Descriptor tty_;
  pid_t foreground_ = -1;
};

}  // namespace tfunnel::client
