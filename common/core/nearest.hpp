// The word that somebody who mistyped one has probably meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tfunnel::core {

/// The one of `known` that takes fewest slips of the finger to become `word`: letters left out, added, changed, or
/// swapped with their neighbour. Nothing if none is near: a third of the word's letters may be wrong, or two.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tfunnel::core
