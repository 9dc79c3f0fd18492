#include "common/io/log_line.hpp"

#include <array>
#include <boost/json.hpp>
#include <ctime>

#include "common/io/level_names.hpp"

namespace tfunnel::io {

namespace {

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

boost::json::object members(std::string_view who, LogLevel level, std::string_view message) {
  return {{"time", timestamp()}, {"level", level_name(level)}, {"program", who}, {"message", message}};
}

std::string json_line(std::string_view who, LogLevel level, std::string_view message, LogFields fields) {
  auto object = members(who, level, message);
  for (const auto& [key, value] : fields) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

}  // namespace

std::string log_line(LogFormat format, std::string_view who, LogLevel level, std::string_view message,
                     LogFields fields) {
  return (format == LogFormat::text ? text_line : json_line)(who, level, message, fields);
}

// A far end's field never takes the place of a member of ours.
std::string log_line(LogFormat format, std::string_view who, const FarLine& line) {
  if (format == LogFormat::text) return text_line(who, LogLevel::info, text_of(line), {});
  auto object = members(who, line.level, line.message);
  object.emplace("origin", line.origin);
  for (const auto& [key, value] : line.fields) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

}  // namespace tfunnel::io
