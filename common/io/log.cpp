#include "common/io/log.hpp"

#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <ctime>

namespace tfunnel::io {

namespace {

constexpr std::array<std::string_view, 5> level_names{"error", "warning", "info", "debug", "trace"};

constexpr int most_flow_lines = 20;  // a second

std::string_view level_name(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }

/// RFC 3339, UTC, with milliseconds.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  auto fraction = std::to_string(1000 + millis);
  fraction[0] = '.';
  return std::string(text.data(), length) + fraction + "Z";
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == text) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void Log::write(LogLevel level, std::string_view message, Fields fields) const {
  if (wants(level)) put(level, message, fields);
}

void Log::put(LogLevel level, std::string_view message, Fields fields) const {
  const auto line = format_ == LogFormat::text ? text_line(level, message, fields) : json_line(level, message, fields);
  // One write a line, so that the lines of both ends of a tunnel on one terminal do not mix. A
  // failure has nowhere to be reported.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void Log::about_flow(LogLevel level, std::string_view message, Fields fields) const {
  if (wants(level) && !thinned_out()) write(level, message, fields);
}

void Log::pass_on(std::string_view line) const {
  if (!thinned_out()) put(LogLevel::info, line, {});
}

/// Counts one of many lines; true if it is one too many in this second.
bool Log::thinned_out() const {
  const auto now = std::chrono::steady_clock::now();
  if (now - flow_lines_.second >= std::chrono::seconds(1)) {
    const auto before = std::exchange(flow_lines_, {now, 0, 0});
    if (before.left_out > 0) {
      write(LogLevel::warning, std::to_string(before.left_out) + " more such lines were left out (-v shows all)");
    }
  }
  if (!wants(LogLevel::debug) && flow_lines_.written >= most_flow_lines) {
    ++flow_lines_.left_out;
    return true;
  }
  ++flow_lines_.written;
  return false;
}

std::string Log::text_line(LogLevel level, std::string_view message, Fields fields) const {
  std::string line = who_ + ": ";
  if (level != LogLevel::info) line.append(level_name(level)).append(": ");
  line.append(message);
  for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(value);
  return line + "\n";
}

std::string Log::json_line(LogLevel level, std::string_view message, Fields fields) const {
  boost::json::object object{
      {"time", timestamp()}, {"level", level_name(level)}, {"program", who_}, {"message", message}};
  for (const auto& [key, value] : fields) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

}  // namespace tfunnel::io
