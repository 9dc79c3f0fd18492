// What is said to somebody who typed something wrong.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "common/io/exit_status.hpp"

namespace tfunnel::app {

/// A mistake of the user's: its text is printed as the one line that says what to do. It may quote what was typed or
/// read: whatever that is, one line is made of it that a terminal can take.
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& what, io::ExitStatus status = io::ExitStatus::usage);
  /// The same for an explanation of our own that takes several lines.
  static UsageError in_lines(const std::string& what, io::ExitStatus status = io::ExitStatus::usage);
  [[nodiscard]] io::ExitStatus status() const { return status_; }

 private:
  UsageError(const std::string& what, io::ExitStatus status, bool lines);

  io::ExitStatus status_;
};

/// 'WORD', as a message quotes it: cut, and without the credentials of a URL.
std::string in_quotes(std::string_view word);

}  // namespace tfunnel::app
