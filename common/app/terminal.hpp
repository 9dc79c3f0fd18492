// A terminal in the link's place: usually a mistake, sometimes a serial line.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

namespace tfunnel::app {

/// Throws UsageError, showing how to start `program` properly, if standard input or output is a
/// terminal and `allowed` is false.
void refuse_terminal(bool allowed);

/// Standard input's terminal in raw mode (termios(3)), as long as this lives; no effect on anything else.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  /// Bytes a second that it is set to (a serial line's speed, in bits, has two more for each byte); 0 if it does not
  /// tell, or is so fast that it does not matter.
  [[nodiscard]] double rate() const;

 private:
  std::optional<termios> saved_;
};

}  // namespace tfunnel::app
