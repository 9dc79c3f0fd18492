#include "common/app/option_values.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace tfunnel::app {

namespace {

/// All of the text as a number, in decimal notation.
template <class T>
std::optional<T> parse_all(std::string_view text) {
  T value{};
  const auto* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

std::string text_of(core::Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

core::Duration seconds(double value) {
  constexpr double longest = 1e9;
  return std::chrono::duration_cast<core::Duration>(std::chrono::duration<double>(std::min(value, longest)));
}

po::value_semantic* seconds_value(core::Duration& target, Bound bound) {
  const auto parse = [bound](std::string_view text) -> std::optional<core::Duration> {
    const auto value = parse_all<double>(text);
    if (!value || !std::isfinite(*value) || *value < 0) return std::nullopt;
    const auto duration = seconds(*value);
    // Less than the clock can tell is none.
    if (bound == Bound::positive && duration <= core::Duration::zero()) return std::nullopt;
    return duration;
  };
  const std::string rule = bound == Bound::positive ? "seconds above 0" : "seconds, 0 or more";
  return new ParsedValue<core::Duration>(target, parse, rule, with_default(text_of(target)));
}

po::value_semantic* text_value(std::string& target, const std::string& shown) {
  const auto parse = [](std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(std::string(text));
  };
  return new ParsedValue<std::string>(target, parse, "not empty", shown);
}

std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most) {
  const auto number = parse_all<std::int64_t>(text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

std::string range_text(std::int64_t least, std::int64_t most) {
  return std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace tfunnel::app
