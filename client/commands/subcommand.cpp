#include "client/commands/subcommand.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/app/options.hpp"
#include "common/core/greeting.hpp"
#include "common/core/nearest.hpp"

namespace tfunnel::client {

namespace {

const Subcommand* find(std::string_view word, std::span<const Subcommand> all) {
  const auto found = std::ranges::find_if(all, [word](const auto& command) { return command.name == word; });
  return found == all.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(const std::string& word, std::span<const Subcommand> all) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& command : all) {
    if (*command.name == '\0') continue;
    names.emplace_back(command.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  const auto meant = core::nearest(word, names);
  throw app::UsageError("no such command: " + core::printable(word, 100) +
                        (meant ? " (did you mean '" + *meant + "'?)" : "") + "; there are " + list +
                        ", see tfunnel --help");
}

}  // namespace

io::ExitStatus dispatch(std::span<const char* const> words, std::span<const Subcommand> all) {
  const std::string word = words.size() > 1 ? words[1] : "";
  const bool is_named = !word.empty() && word.front() != '-';
  const auto* const command = find(is_named ? word : "", all);
  if (command == nullptr) refuse(word, all);
  std::vector<const char*> rest(words.begin(), words.end());
  if (is_named) rest.erase(rest.begin() + 1);
  return command->run({rest, all});
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
