#include "common/core/said.hpp"

#include <algorithm>

#include "common/core/greeting.hpp"

namespace tfunnel::core {

namespace {

constexpr char escape = '\x1b';
constexpr char bell = '\a';
// A title is no longer, and what does not end does not hide the rest.
constexpr std::size_t longest_sequence = 300;

constexpr std::size_t shown_of_beginning = 100;
constexpr std::size_t shown_of_end = 80;

bool is_between(char byte, char first, char last) { return byte >= first && byte <= last; }

/// ECMA-48, 5.4: up to the final byte.
std::size_t size_of_control_sequence(std::string_view bytes) {
  const auto end = std::ranges::find_if(bytes.substr(2), [](char byte) { return is_between(byte, '@', '~'); });
  return static_cast<std::size_t>(end - bytes.begin()) + (end != bytes.end() ? 1 : 0);
}

/// ECMA-48, 5.6, and xterm, whose strings may end with a bell.
std::size_t size_of_string(std::string_view bytes) {
  for (std::size_t i = 2; i < bytes.size(); ++i) {
    if (bytes[i] == bell) return i + 1;
    if (bytes[i] == escape) return i + 1 < bytes.size() && bytes[i + 1] == '\\' ? i + 2 : i;
  }
  return 2;
}

/// REQUIRES: `bytes` begin with an escape.
std::size_t size_of_sequence(std::string_view bytes) {
  bytes = bytes.substr(0, longest_sequence);
  if (bytes.size() < 2) return bytes.size();
  if (bytes[1] == '[') return size_of_control_sequence(bytes);
  constexpr std::string_view strings = "]P^_X";
  if (strings.find(bytes[1]) != std::string_view::npos) return size_of_string(bytes);
  std::size_t end = 1;
  while (end < bytes.size() && is_between(bytes[end], ' ', '/')) ++end;
  return std::min(end + 1, bytes.size());
}

std::string without_sequences(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto plain = std::min(bytes.find(escape), bytes.size());
    text += bytes.substr(0, plain);
    bytes.remove_prefix(plain);
    if (!bytes.empty()) bytes.remove_prefix(size_of_sequence(bytes));
  }
  return text;
}

}  // namespace

std::string what_was_said(std::string_view bytes) {
  const auto text = without_sequences(bytes);
  if (text.size() <= shown_of_beginning + shown_of_end) return '"' + printable(text, text.size()) + '"';
  const auto end = std::string_view(text).substr(text.size() - shown_of_end);
  return '"' + printable(std::string_view(text).substr(0, shown_of_beginning), shown_of_beginning) + " ... " +
         printable(end, shown_of_end) + '"';
}

}  // namespace tfunnel::core
