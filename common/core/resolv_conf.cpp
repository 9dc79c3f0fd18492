#include "common/core/resolv_conf.hpp"

#include <algorithm>
#include <charconv>

namespace tfunnel::core {

namespace {

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

/// The number behind `name` in `word`, from `least` to `most`.
std::optional<unsigned> number_in(std::string_view word, std::string_view name, unsigned least, unsigned most) {
  if (!word.starts_with(name)) return std::nullopt;
  word.remove_prefix(name.size());
  long value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) return word.front() == '-' ? least : most;
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return static_cast<unsigned>(std::clamp<long>(value, least, most));
}

void take_option(ResolvConf& conf, std::string_view word) {
  if (const auto dots = number_in(word, "ndots:", 0, most_ndots)) conf.ndots = dots;
  if (const auto seconds = number_in(word, "timeout:", 1, longest_resolver_timeout)) conf.timeout = seconds;
  if (const auto times = number_in(word, "attempts:", 1, most_resolver_attempts)) conf.attempts = times;
  if (word == "rotate") conf.rotate = true;
}

void take_line(ResolvConf& conf, std::string_view line) {
  if (line.empty() || blanks.find(line.front()) != std::string_view::npos) return;
  const auto keyword = next_word(line);
  if (keyword == "options") conf.take_options(line);
  if (keyword != "search" && keyword != "domain") return;
  conf.search.emplace();
  for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
    conf.search->emplace_back(word);
    if (keyword == "domain") break;
  }
}

}  // namespace

void ResolvConf::take_options(std::string_view words) {
  for (auto word = next_word(words); !word.empty(); word = next_word(words)) take_option(*this, word);
}

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) take_line(conf, next_line(text));
  return conf;
}

}  // namespace tfunnel::core
