// Numbers in text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace tfunnel::core {

/// The number that is all of `text`, without blanks and without a plus; nothing if it is none, or none of T. `base`: 10
/// where it is not given, and never with a floating T.
template <class T, class... Base>
std::optional<T> parse_all(std::string_view text, Base... base) {
  T value{};
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base...);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

}  // namespace tfunnel::core
