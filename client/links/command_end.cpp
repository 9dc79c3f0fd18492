#include "client/links/command_end.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "common/core/greeting.hpp"

namespace tfunnel::client {

namespace {

using namespace std::string_view_literals;

constexpr int ssh_failed = 255;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

constexpr auto blanks = " \t\n"sv;
// Between words, or around them.
constexpr auto shell_syntax = " \t\n;|&()<>{}\"'`"sv;

std::vector<std::string_view> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
    if (text.empty()) return words;
    words.push_back(text.substr(0, text.find_first_of(separators)));
    text.remove_prefix(words.back().size());
  }
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Without what might be shell syntax: the word is shown.
bool is_user_at_host(std::string_view word) {
  const auto at = word.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == word.size()) return false;
  return std::ranges::all_of(word, [](const unsigned char c) {
    return std::isalnum(c) != 0 || "@._-:[]"sv.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// Where ssh(1) would go to, in place of a command that goes there.
bool is_destination(std::string_view word) {
  const bool is_plain = std::ranges::all_of(word, [](const unsigned char c) {
    return std::isalnum(c) != 0 || "@._-:[]/"sv.find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!is_plain || word.starts_with('-') || word.starts_with('.')) return false;
  if (word.starts_with("ssh://") || word == "localhost") return true;
  const bool is_v6 = std::ranges::count(word, ':') > 1;
  return word.find('/') == std::string_view::npos && (is_v6 || word.find('.') != std::string_view::npos);
}

// As scp(1) has it: HOST:PATH. An IPv6 address has more than one colon.
std::string_view without_path(std::string_view word) {
  const bool has_path = !word.starts_with("ssh://") && std::ranges::count(word, ':') == 1;
  return has_path ? word.substr(0, word.find(':')) : word;
}

// All of it, so that to sh(1) it is the name of one program.
bool is_quoted(std::string_view script) {
  const auto begin = script.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return false;
  script = script.substr(begin, script.find_last_not_of(blanks) + 1 - begin);
  const char quote = script.front();
  return (quote == '"' || quote == '\'') && script.find(quote, 1) == script.size() - 1 &&
         script.find_first_of(blanks) != std::string_view::npos;
}

bool calls_ssh(std::string_view word) { return word.find("ssh") != std::string_view::npos; }

std::string_view without_quotes(std::string_view word) {
  // Those of the C library's messages in most languages, beside ASCII.
  constexpr std::array quotes{"'"sv, "\""sv, "`"sv, "\xe2\x80\x98"sv, "\xe2\x80\x99"sv};
  for (const auto& quote : quotes) {
    if (word.starts_with(quote)) word.remove_prefix(quote.size());
    if (word.ends_with(quote)) word.remove_suffix(quote.size());
  }
  return word;
}

/// The names that a line such as "sh: 1: NAME: not found", "zsh:1: command not found: NAME" or "env: 'NAME': No such
/// file" may be about, whatever the language.
std::vector<std::string_view> names_in(std::string_view line) {
  std::vector<std::string_view> fields;
  constexpr auto separator = ": "sv;
  for (std::size_t end = 0; end != std::string_view::npos; line.remove_prefix(std::min(end + 2, line.size()))) {
    end = line.find(separator);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
  }
  std::vector<std::string_view> names;
  const auto note_last_word = [&](std::string_view field) {
    if (const auto words = words_of(field, blanks); !words.empty()) names.push_back(without_quotes(words.back()));
  };
  if (fields.size() > 1) note_last_word(fields[fields.size() - 2]);
  note_last_word(fields.back());
  return names;
}

struct Missing {
  enum class Where { here, there, unknown };
  Where where;
  std::string_view name;  // empty: unknown
};

// What stands in front of ssh is started here; what follows it, there.
Missing find_missing(std::string_view script, std::string_view last_words) {
  using Where = Missing::Where;
  const auto words = words_of(script, shell_syntax);
  const auto ssh = std::ranges::find_if(words, calls_ssh);
  for (const auto name : names_in(last_words)) {
    const auto found = std::ranges::find(words, base_name(name), base_name);
    if (name.empty() || found == words.end()) continue;
    if (ssh == words.end() && found != words.begin()) return {Where::unknown, name};
    return {found <= ssh ? Where::here : Where::there, name};
  }
  return {ssh != words.end() ? Where::there : Where::unknown, {}};
}

std::string named(std::string_view name) {
  constexpr std::size_t longest = 100;
  return name.empty() ? "a program" : "'" + core::printable(name, longest) + "'";
}

std::string explain_not_found(const Missing& missing) {
  switch (missing.where) {
    case Missing::Where::here:
      return named(missing.name) + " was not found on this machine: install it, or give its full path";
    case Missing::Where::there:
      return "tfunnel was not found there, see above: install it there, or copy tfunnel-proxy-only to it by scp and "
             "end "
             "the command with its full path";
    case Missing::Where::unknown: break;
  }
  return named(missing.name) + " was not found, see above";
}

std::string explain_not_executable(const Missing& missing) {
  switch (missing.where) {
    case Missing::Where::here: return named(missing.name) + " cannot be executed on this machine, see above";
    case Missing::Where::there:
      return named(missing.name) +
             " cannot be executed there, see above: does it have leave to (chmod +x), and was it "
             "made for such a machine?";
    case Missing::Where::unknown: break;
  }
  return named(missing.name) + " cannot be executed, see above";
}

}  // namespace

std::optional<std::string> explain_status(int status, std::string_view script, std::string_view last_words) {
  if (status == ssh_failed && calls_ssh(script)) return "ssh failed, see above";
  if (status != cannot_execute && status != not_found) {
    // A tfunnel that refuses its command line, say: it is there, and the reason is what it said.
    if (last_words.empty()) return std::nullopt;
    return "the link ended before the far end said anything, see above";
  }
  const auto words = words_of(script, blanks);
  if (!words.empty() && (is_user_at_host(words.front()) || (words.size() == 1 && is_destination(words.front())))) {
    const auto host = std::string(without_path(words.front()));
    return "'" + std::string(words.front()) + "' is no command; did you mean 'ssh " + host + " tfunnel'?";
  }
  if (is_quoted(script)) {
    return "the command is quoted twice, so all of it was taken for the name of one program: leave the inner quotes "
           "away";
  }
  const auto missing = find_missing(script, last_words);
  return status == not_found ? explain_not_found(missing) : explain_not_executable(missing);
}

}  // namespace tfunnel::client
