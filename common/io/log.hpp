// Log lines on standard error; standard output belongs to the protocol.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/io/log_level.hpp"

namespace tfunnel::io {

struct FarLine;

/// Writes one line a call, whole. Passed by reference; there is no global log. Never blocks: lines that standard error
/// does not take at once wait for tick(), a few megabytes of them; what comes on top is lost, and a line says how many
/// were as soon as there is room again. The last object gives them a second at its end.
class Log {
 public:
  using Fields = LogFields;
  using Time = std::chrono::steady_clock::time_point;

  /// `who` starts each line, such as "tfunnel client".
  Log(LogLevel level, LogFormat format, std::string who);
  /// The same log under another name. A process should have only one log, or lines that wait may be overtaken.
  [[nodiscard]] Log named(std::string who) const;

  [[nodiscard]] bool wants(LogLevel level) const { return level <= level_; }
  /// `fields` follow the message as key=value, or become members of the JSON object.
  void write(LogLevel level, std::string_view message, Fields fields = {}) const;
  void debug(std::string_view message, const LogFlow& flow, Fields fields = {}) const;
  /// A line that a flow, a datagram, an upstream or a stranger caused, which may cause any number of them: see
  /// core::LineThinner. Each call in the program's text is a kind of line. With debug lines wanted, nothing is left
  /// out.
  void about_flow(LogLevel level, std::string_view message, Fields fields = {}, int line = __builtin_LINE(),
                  const char* file = __builtin_FILE()) const;
  void about_flow(LogLevel level, std::string_view message, const LogFlow& flow, Fields fields = {},
                  int line = __builtin_LINE(), const char* file = __builtin_FILE()) const;

  /// An upstream failed a flow, and somebody should do something about it: the first with this message is a warning,
  /// and then one a minute, with a count; the others are information. See core::SparseLines.
  void about_upstream(std::string_view message, Fields fields = {}, int line = __builtin_LINE(),
                      const char* file = __builtin_FILE()) const;
  /// The far end's words about such a fault, which are not trusted: a warning in the same way, unless a line with the
  /// same words is passed on. REQUIRES: `words` are printable.
  void far_end_says(std::string words) const;

  /// A line that a far end said: whatever the level, but thinned like about_flow().
  void pass_on(const FarLine& said) const;
  /// The same for somebody else's line, which is not trusted.
  void pass_on(std::string_view line) const;
  /// Text of many lines for a person who asked for it, as it is.
  void print(std::string_view text) const;
  /// The same for a program: one object, whatever the level.
  void print(std::string_view message, const boost::json::object& members) const;
  [[nodiscard]] LogFormat format() const { return format_; }

  void error(std::string_view message, Fields fields = {}) const { write(LogLevel::error, message, fields); }
  void warning(std::string_view message, Fields fields = {}) const { write(LogLevel::warning, message, fields); }
  void info(std::string_view message, Fields fields = {}) const { write(LogLevel::info, message, fields); }
  void debug(std::string_view message, Fields fields = {}) const { write(LogLevel::debug, message, fields); }

  /// Writes waiting lines, if that is possible now, and tells how many were left out. To be called when due() says.
  void tick() const;
  [[nodiscard]] std::optional<Time> due() const;
  /// Calls `handler` whenever due() has changed. Empty: no more.
  void on_due(std::function<void()> handler) const;
  /// Gives waiting lines their last second, for a process that ends without destroying this.
  void finish() const;

 private:
  struct Shared;
  Log(LogLevel level, LogFormat format, std::string who, std::shared_ptr<Shared> shared);
  void put(LogLevel level, std::string_view message, Fields fields, const LogFlow* flow = nullptr) const;
  /// Of a line of others.
  [[nodiscard]] bool passes(std::string_view text) const;
  [[nodiscard]] bool admits(LogLevel level, std::string_view message, int line, const char* file) const;

  LogLevel level_;
  LogFormat format_;
  std::string who_;
  std::shared_ptr<Shared> shared_;  // with all that have another name
};

}  // namespace tfunnel::io
