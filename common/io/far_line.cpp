#include "common/io/far_line.hpp"

#include <boost/json.hpp>

#include "common/core/greeting.hpp"
#include "common/io/level_names.hpp"

namespace tfunnel::io {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_text = 1000;

std::string printable(const json::value& value) {
  const auto text = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  return core::printable(text, longest_text);
}

std::optional<FarLine> read_text(std::string_view line) {
  const auto begin = std::string(far_program) + ": ";
  if (!line.starts_with(begin)) return std::nullopt;
  line.remove_prefix(begin.size());
  FarLine said{LogLevel::info, std::string(far_program), {}, {}};
  for (const auto level : {LogLevel::error, LogLevel::warning, LogLevel::debug, LogLevel::trace}) {
    const auto prefix = std::string(level_name(level)) + ": ";
    if (!line.starts_with(prefix)) continue;
    said.level = level;
    line.remove_prefix(prefix.size());
    break;
  }
  said.message = core::printable(line, longest_text);
  return said;
}

std::optional<FarLine> read_json(std::string_view line) {
  boost::system::error_code error;
  const auto value = json::parse(line, error);
  if (error || !value.is_object()) return std::nullopt;
  FarLine said;
  for (const auto& [key, member] : value.get_object()) {
    if (key == "level") {
      said.level = level_named(printable(member));
    } else if (key == "program") {
      said.origin = printable(member);
    } else if (key == "message") {
      said.message = printable(member);
    } else if (key != "time") {
      said.fields.push_back(
          {core::printable(key, longest_text), printable(member), member.is_number() || member.is_bool()});
    }
  }
  if (!said.origin.starts_with("tfunnel") || said.message.empty()) return std::nullopt;
  return said;
}

}  // namespace

std::optional<FarLine> read_far_line(std::string_view line) {
  return line.starts_with('{') ? read_json(line) : read_text(line);
}

std::string text_of(const FarLine& line) {
  auto text = line.origin + ": ";
  if (line.level != LogLevel::info) text.append(level_name(line.level)).append(": ");
  text += line.message;
  for (const auto& field : line.fields) text.append(" ").append(field.key).append("=").append(field.text);
  return text;
}

}  // namespace tfunnel::io
