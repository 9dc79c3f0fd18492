#include "common/core/name_service_switch.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace tfunnel::core {

namespace {

/// An action may have blanks in it: [!UNAVAIL=return SUCCESS=continue].
std::string without_actions(const std::string& services) {
  std::string rest;
  bool in_action = false;
  for (const char c : services) {
    if (c == '[') in_action = true;
    rest += in_action ? ' ' : c;
    if (c == ']') in_action = false;
  }
  return rest;
}

}  // namespace

std::vector<std::string> host_services(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string database;
    std::string services;
    if (!(words >> database) || database != "hosts:" || !std::getline(words, services)) continue;
    std::istringstream rest(without_actions(services));
    return {std::istream_iterator<std::string>(rest), {}};
  }
  return {};
}

}  // namespace tfunnel::core
