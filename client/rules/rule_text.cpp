#include "client/rules/rule_text.hpp"

namespace tfunnel::client {

namespace {

bool is_of_word(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

std::string filled(std::string_view text, RuleWords words) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at;
    while (end < text.size() && is_of_word(text[end])) ++end;
    if (end == at) end = at + 1;
    std::string word(text.substr(at, end - at));
    for (const auto& [name, meaning] : words) {
      if (word == name) {
        word = meaning;
        break;
      }
    }
    result += word;
    at = end;
  }
  return result;
}

std::string line_if(bool wanted) { return wanted ? "" : "#"; }

}  // namespace tfunnel::client
