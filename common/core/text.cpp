#include "common/core/text.hpp"

#include <algorithm>

namespace tfunnel::core {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
  return result;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const auto letter = lower(digit);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string one_line(std::string_view text, std::size_t limit, bool lines) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string line;
  for (const char c : text.substr(0, limit)) {
    const auto value = static_cast<unsigned char>(c);
    const bool plain = (value >= 0x20 && value < 0x7f) || (lines && c == '\n');
    line += plain ? std::string(1, c) : std::string{'\\', 'x', hex[value >> 4], hex[value & 15]};
  }
  return text.size() > limit ? line + "..." : line;
}

std::string in_seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace tfunnel::core
