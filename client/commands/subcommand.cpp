#include "client/commands/subcommand.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/app/option_values.hpp"
#include "common/core/nearest.hpp"

namespace tfunnel::client {

namespace {

const Subcommand* find(std::string_view word, std::span<const Subcommand> all) {
  const auto found = std::ranges::find_if(all, [word](const auto& command) { return command.name == word; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> names_of(std::span<const Subcommand> all) {
  std::vector<std::string> names;
  for (const auto& command : all) {
    if (*command.name != '\0') names.emplace_back(command.name);
  }
  return names;
}

[[noreturn]] void refuse(const std::string& word, std::span<const Subcommand> all) {
  std::string list;
  for (const auto& name : names_of(all)) list += (list.empty() ? "" : ", ") + name;
  const auto meant = meaning_of(word, all);
  throw app::UsageError("no such command: " + app::in_quotes(word) + (meant.empty() ? "" : " (" + meant + ")") +
                        "; there are " + list + ", see tfunnel --help");
}

// What all commands' options share knows no command, whose help is another.
[[noreturn]] void name_own_help(const app::UsageError& error, const std::string& command) {
  constexpr std::string_view general = "; see --help";
  std::string said = error.what();
  if (!said.ends_with(general)) throw;
  said.resize(said.size() - general.size());
  throw app::UsageError(said + "; see tfunnel " + command + " --help", error.status());
}

}  // namespace

io::ExitStatus dispatch(std::span<const char* const> words, std::span<const Subcommand> all,
                        const std::string& version) {
  const std::string word = words.size() > 1 ? words[1] : "";
  const bool is_named = !word.empty() && word.front() != '-';
  const auto* const command = find(is_named ? word : "", all);
  if (command == nullptr) refuse(word, all);
  std::vector<const char*> rest(words.begin(), words.end());
  if (!is_named) return command->run({rest, all, version});
  rest.erase(rest.begin() + 1);
  try {
    return command->run({rest, all, version});
  } catch (const app::UsageError& error) {
    name_own_help(error, word);
  }
}

std::string meaning_of(const std::string& word, std::span<const Subcommand> all) {
  if (word.empty()) return "";
  if (find(word, all) != nullptr) return "a command stands first: tfunnel " + word + " ...";
  if (app::parse_number(word, 1, 65535)) return "did you mean -p " + word + "?";
  // user@host, host.example, [2001:db8::1], and no path.
  const bool is_host = word.find('@') != std::string::npos || word.find_first_of(".:") != std::string::npos;
  if (is_host && word.find_first_of("/ ") == std::string::npos) return "did you mean --via 'ssh " + word + " tfunnel'?";
  const auto meant = core::nearest(word, names_of(all));
  return meant ? "did you mean '" + *meant + "'?" : "";
}

std::string list_of(std::span<const Subcommand> all) {
  constexpr std::size_t column = 18;
  std::string lines;
  for (const auto& command : all) {
    if (*command.name == '\0') continue;
    auto line = "  tfunnel " + std::string(command.name);
    line.resize(std::max(column, line.size()) + 2, ' ');
    lines += line + command.summary + '\n';
  }
  return lines;
}

}  // namespace tfunnel::client
