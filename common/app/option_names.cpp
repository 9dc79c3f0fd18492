#include "common/app/option_names.hpp"

#include <algorithm>
#include <vector>

#include "common/core/nearest.hpp"

namespace tfunnel::app {

// Only the name part changes.
std::string dashed(std::string text) {
  const auto name_end = std::min(text.find('='), text.size());
  std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(name_end), '_', '-');
  return text;
}

std::string proposal(std::string_view name, const po::options_description& description, const std::string& dashes) {
  // Single letters are near to everything.
  constexpr std::size_t least = 3;
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  if (name.size() < least) return "";
  std::vector<std::string> known;
  for (const auto& one : description.options()) known.push_back(one->long_name());
  const auto meant = core::nearest(name, known);
  return meant ? ", did you mean " + dashes + *meant + "?" : "";
}

}  // namespace tfunnel::app
