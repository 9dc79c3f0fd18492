#include "client/links/command_end.hpp"

#include <algorithm>
#include <cctype>

namespace tfunnel::client {

namespace {

constexpr int ssh_failed = 255;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

std::string_view first_word(std::string_view text) {
  constexpr std::string_view blanks = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_first_of(blanks));
}

// Without what might be shell syntax: the word is shown.
bool is_user_at_host(std::string_view word) {
  const auto at = word.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == word.size()) return false;
  return std::ranges::all_of(word, [](const unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("@._-:[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool calls_ssh(std::string_view script) { return script.find("ssh") != std::string_view::npos; }

}  // namespace

std::optional<std::string> explain_status(int status, std::string_view script) {
  const bool not_run = status == cannot_execute || status == not_found;
  if (const auto word = first_word(script); not_run && is_user_at_host(word)) {
    const auto host = std::string(word);
    return "'" + host + "' is no command; did you mean 'ssh " + host + " tfunnel'?";
  }
  if (status == ssh_failed && calls_ssh(script)) return "ssh failed, see above";
  if (status == not_found && calls_ssh(script)) {
    return "tfunnel was not found there, see above: install it there, or copy tfunnel-proxy-only to it by scp and end "
           "the command with its full path";
  }
  if (status == not_found) return "a program was not found, see above";
  if (status == cannot_execute) return "a program cannot be executed, see above";
  return std::nullopt;
}

}  // namespace tfunnel::client
