#include "common/io/log_line.hpp"

#include <array>
#include <boost/json.hpp>
#include <ctime>

#include "common/io/level_names.hpp"

namespace tfunnel::io {

namespace {

std::string text_line(std::string_view who, LogLevel level, std::string_view message, LogFields fields,
                      const LogFlow* flow) {
  auto line = std::string(who) + ": ";
  if (level != LogLevel::info) line.append(level_name(level)).append(": ");
  line.append(message);
  if (flow != nullptr) line.append(": ").append(flow->text());
  for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(value);
  return line + "\n";
}

boost::json::object members(std::string_view who, LogLevel level, std::string_view message) {
  return {{"time", timestamp(std::chrono::system_clock::now())},
          {"level", level_name(level)},
          {"program", who},
          {"message", message}};
}

void add_flow(boost::json::object& object, const LogFlow& flow) {
  if (flow.id() != 0) object.emplace("flow", flow.id());
  object.emplace("transport", core::name(flow.request().transport));
  object.emplace("source", flow.request().source.text());
  if (const auto destination = flow.destination()) object.emplace("destination", destination->text());
}

std::string json_line(std::string_view who, LogLevel level, std::string_view message, LogFields fields,
                      const LogFlow* flow) {
  auto object = members(who, level, message);
  if (flow != nullptr) add_flow(object, *flow);
  for (const auto& [key, value] : fields) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

}  // namespace

std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  auto fraction = std::to_string(1000 + millis);
  fraction[0] = '.';
  return std::string(text.data(), length) + fraction + "Z";
}

std::string LogFlow::text() const { return request_.text() + (peer_ ? " -> " + peer_->text() : ""); }

std::string log_line(LogFormat format, std::string_view who, LogLevel level, std::string_view message, LogFields fields,
                     const LogFlow* flow) {
  return (format == LogFormat::text ? text_line : json_line)(who, level, message, fields, flow);
}

std::string log_line(std::string_view who, std::string_view message, const boost::json::object& more) {
  auto object = members(who, LogLevel::info, message);
  for (const auto& [key, value] : more) object.emplace(key, value);
  return boost::json::serialize(object) + "\n";
}

// A far end's field never takes the place of a member of ours.
std::string log_line(LogFormat format, std::string_view who, const FarLine& line) {
  if (format == LogFormat::text) return text_line(who, LogLevel::info, text_of(line), {}, nullptr);
  auto object = members(who, line.level, line.message);
  object.emplace("origin", line.origin);
  for (const auto& field : line.fields) {
    object.emplace(field.key, field.is_literal ? boost::json::parse(field.text) : boost::json::value(field.text));
  }
  return boost::json::serialize(object) + "\n";
}

}  // namespace tfunnel::io
