#include "proxy/resolv_options.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tfunnel::proxy {

namespace {

// RES_MAXRETRANS and RES_MAXRETRY of <resolv.h>.
constexpr int longest_timeout = 30;
constexpr int most_attempts = 5;
constexpr std::string_view blanks = " \t\r";

/// The next word, which is cut off `text`; empty: there is none.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const auto word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

/// The number behind `name` in `word`, from 1 to `most`: 0 would mean not to ask at all.
std::optional<int> value_of(std::string_view word, std::string_view name, int most) {
  if (!word.starts_with(name)) return std::nullopt;
  word.remove_prefix(name.size());
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return std::clamp(value, 1, most);
}

}  // namespace

void ResolvOptions::apply(std::string_view words) {
  for (auto word = next_word(words); !word.empty(); word = next_word(words)) {
    if (const auto seconds = value_of(word, "timeout:", longest_timeout)) timeout = std::chrono::seconds(*seconds);
    if (const auto times = value_of(word, "attempts:", most_attempts)) attempts = *times;
    if (word == "rotate") rotate = true;
  }
}

ResolvOptions parse_resolv_options(std::string_view text) {
  ResolvOptions options;
  while (!text.empty()) {
    auto line = next_line(text);
    // The keyword stands at the beginning of its line.
    if (line.starts_with("options") && next_word(line) == "options") options.apply(line);
  }
  return options;
}

}  // namespace tfunnel::proxy
