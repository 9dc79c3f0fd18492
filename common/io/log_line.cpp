#include "common/io/log_line.hpp"

#include <array>
#include <boost/json.hpp>
#include <ctime>

namespace tfunnel::io {

namespace {

constexpr std::array<std::string_view, 5> level_names{"error", "warning", "info", "debug", "trace"};

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

std::string text_line(std::string_view who, LogLevel level, std::string_view message, LogFields fields) {
  auto line = std::string(who) + ": ";
  if (level != LogLevel::info) line.append(level_name(level)).append(": ");
  line.append(message);
  for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(value);
  return line + "\n";
}

std::string json_line(std::string_view who, LogLevel level, std::string_view message, LogFields fields) {
  boost::json::object object{
      {"time", timestamp()}, {"level", level_name(level)}, {"program", who}, {"message", message}};
  for (const auto& [key, value] : fields) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

}  // namespace

std::string log_line(LogFormat format, std::string_view who, LogLevel level, std::string_view message,
                     LogFields fields) {
  return (format == LogFormat::text ? text_line : json_line)(who, level, message, fields);
}

}  // namespace tfunnel::io
