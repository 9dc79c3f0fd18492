// Log lines on standard error; standard output belongs to the protocol.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tfunnel::io {

enum class LogLevel { error, warning, info, debug, trace };
enum class LogFormat { text, json };

std::optional<LogLevel> parse_log_level(std::string_view text);

/// Writes one line a call, whole. Passed by reference; there is no global log.
class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// `who` starts each line, such as "tfunnel client".
  Log(LogLevel level, LogFormat format, std::string who) : level_(level), format_(format), who_(std::move(who)) {}

  [[nodiscard]] bool wants(LogLevel level) const { return level <= level_; }
  /// `fields` follow the message as key=value, or become members of the JSON object.
  void write(LogLevel level, std::string_view message, Fields fields = {}) const;
  /// A line about one flow of many. Who opens flows must not be able to fill a disk: unless debug lines
  /// are wanted, only so many are written a second, and then how many were left out.
  void about_flow(LogLevel level, std::string_view message, Fields fields = {}) const;

  /// A line that somebody else said: whatever the level, but thinned like about_flow().
  void pass_on(std::string_view line) const;

  void error(std::string_view message, Fields fields = {}) const { write(LogLevel::error, message, fields); }
  void warning(std::string_view message, Fields fields = {}) const { write(LogLevel::warning, message, fields); }
  void info(std::string_view message, Fields fields = {}) const { write(LogLevel::info, message, fields); }
  void debug(std::string_view message, Fields fields = {}) const { write(LogLevel::debug, message, fields); }

 private:
  void put(LogLevel level, std::string_view message, Fields fields) const;
  [[nodiscard]] bool thinned_out() const;
  [[nodiscard]] std::string text_line(LogLevel level, std::string_view message, Fields fields) const;
  [[nodiscard]] std::string json_line(LogLevel level, std::string_view message, Fields fields) const;

  struct FlowLines {
    std::chrono::steady_clock::time_point second;  // when the counting began
    int written = 0;
    int left_out = 0;
  };

  LogLevel level_;
  LogFormat format_;
  std::string who_;
  mutable FlowLines flow_lines_;
};

}  // namespace tfunnel::io
