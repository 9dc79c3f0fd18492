#include "common/app/option_values.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/core/number.hpp"

namespace tfunnel::app {

namespace {

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
    const auto value = core::parse_all<double>(text);
    if (!value || !std::isfinite(*value) || *value < 0) return std::nullopt;
    const auto duration = seconds(*value);
    // Less than the clock can tell is none.
    if (bound == Bound::positive && duration <= core::Duration::zero()) return std::nullopt;
    return duration;
  };
  const std::string rule = bound == Bound::positive ? "seconds above 0" : "seconds, 0 or more";
  return new ParsedValue<core::Duration>(target, parse, rule, with_default(text_of(target)));
}

void refuse_empty(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) return;
  throw po::error_with_option_name("%canonical_option% must not be empty");
}

po::value_semantic* text_value(std::string& target, const std::string& shown) {
  const auto parse = [](std::string_view text) {
    refuse_empty(text);
    return std::optional(std::string(text));
  };
  return new ParsedValue<std::string>(target, parse, "not empty", shown);
}

po::value_semantic* words_value(std::vector<std::string>& target, const std::function<bool(std::string_view)>& is_right,
                                const std::string& rule, const std::string& shown) {
  const auto parse = [is_right](std::string_view text) {
    return is_right(text) ? std::optional(std::string(text)) : std::nullopt;
  };
  return new ListedValue<std::string>(target, parse, rule, shown);
}

std::optional<std::uint32_t> parse_mark(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const auto value = hex ? core::parse_all<std::uint32_t>(text.substr(2), 16) : core::parse_all<std::uint32_t>(text);
  return value && *value != 0 ? value : std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number(text, 1, 65'535);
  return port ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
}

po::value_semantic* mark_value(std::uint32_t& target) {
  const auto most = std::numeric_limits<std::uint32_t>::max();
  return new ParsedValue<std::uint32_t>(target, parse_mark, range_text(1, most) + ", or 0x1 to 0xffffffff",
                                        with_default(std::to_string(target)));
}

std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most) {
  const auto number = core::parse_all<std::int64_t>(text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

std::string range_text(std::int64_t least, std::int64_t most) {
  return std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace tfunnel::app
