#include "common/core/resolver_hints.hpp"

#include <algorithm>
#include <charconv>

namespace tfunnel::core {

namespace {

constexpr std::size_t most_domains = 32;
constexpr std::size_t most_characters = 2048;
constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;
// RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of <resolv.h>.
constexpr unsigned most_ndots = 15;
constexpr unsigned longest_timeout = 30;
constexpr unsigned most_attempts = 5;

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

// Not <cctype>: what counts as a letter must not depend on a locale.
bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > longest_name) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('.', at), text.size());
    const auto label = text.substr(at, end - at);
    if (label.empty() || label.size() > longest_label || !std::ranges::all_of(label, is_label_character)) return false;
    at = end + 1;
  }
  return true;
}

void add_domain(std::vector<std::string>& search, std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  std::size_t characters = domain.size();
  for (const auto& other : search) characters += other.size();
  if (is_domain(domain) && search.size() < most_domains && characters <= most_characters) search.emplace_back(domain);
}

/// The number behind `name` in `word`.
std::optional<unsigned> number_in(std::string_view word, std::string_view name) {
  if (!word.starts_with(name)) return std::nullopt;
  word.remove_prefix(name.size());
  unsigned value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) return most_ndots + longest_timeout;
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

void take_option(ResolverHints& hints, std::string_view word) {
  if (const auto dots = number_in(word, "ndots:")) hints.ndots = std::min(*dots, most_ndots);
  if (const auto seconds = number_in(word, "timeout:")) hints.timeout = std::clamp(*seconds, 1U, longest_timeout);
  if (const auto times = number_in(word, "attempts:")) hints.attempts = std::clamp(*times, 1U, most_attempts);
}

/// The words behind the keyword, which stands at the beginning of its line.
void take_line(ResolverHints& hints, std::string_view line, bool& is_said) {
  if (line.empty() || blanks.find(line.front()) != std::string_view::npos) return;
  const auto keyword = next_word(line);
  if (keyword == "search" || keyword == "domain") {
    is_said = true;
    hints.search.clear();
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
      add_domain(hints.search, word);
      if (keyword == "domain") break;
    }
  } else if (keyword == "options") {
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) take_option(hints, word);
  }
}

void add_option(std::string& options, std::string_view name, const std::optional<unsigned>& value) {
  if (value) options += ' ' + std::string(name) + ':' + std::to_string(*value);
}

}  // namespace

ResolverHints parse_resolver_hints(std::string_view resolv_conf, std::string_view host_name) {
  ResolverHints hints;
  bool is_said = false;
  while (!resolv_conf.empty()) take_line(hints, next_line(resolv_conf), is_said);
  const auto dot = host_name.find('.');
  if (!is_said && dot != std::string_view::npos) add_domain(hints.search, host_name.substr(dot + 1));
  return hints;
}

std::string resolver_lines(const ResolverHints& hints) {
  std::string text = "search";
  for (const auto& domain : hints.search) text += ' ' + domain;
  text += hints.search.empty() ? " .\n" : "\n";
  std::string options;
  add_option(options, "ndots", hints.ndots);
  add_option(options, "timeout", hints.timeout);
  add_option(options, "attempts", hints.attempts);
  return options.empty() ? text : text + "options" + options + '\n';
}

wire::ResolverHints to_wire(const ResolverHints& hints) {
  wire::ResolverHints made;
  for (const auto& domain : hints.search) made.add_search(domain);
  if (hints.ndots) made.set_ndots(*hints.ndots);
  if (hints.timeout) made.set_timeout(*hints.timeout);
  if (hints.attempts) made.set_attempts(*hints.attempts);
  return made;
}

ResolverHints resolver_hints_from_wire(const wire::ResolverHints& hints) {
  ResolverHints made;
  for (const auto& domain : hints.search()) add_domain(made.search, domain);
  if (hints.has_ndots()) made.ndots = std::min(hints.ndots(), most_ndots);
  if (hints.timeout() > 0) made.timeout = std::min(hints.timeout(), longest_timeout);
  if (hints.attempts() > 0) made.attempts = std::min(hints.attempts(), most_attempts);
  return made;
}

}  // namespace tfunnel::core
