#include "client/rules/set_elements.hpp"

namespace tfunnel::client {

namespace {

std::string list_of(const core::Reach::Networks& networks) {
  std::string list;
  for (const auto& network : networks) {
    list += (list.empty() ? "" : ", ") + network.first.text() + "/" + std::to_string(network.prefix());
  }
  return "{ " + list + " }";
}

}  // namespace

std::string elements_clause(const core::Reach::Networks& networks) {
  return networks.empty() ? "" : "elements = " + list_of(networks);
}

std::string replace_elements(const std::string& table, const std::string& set, const core::Reach::Networks& networks) {
  const auto flush = "flush set inet " + table + " " + set + "\n";
  return networks.empty() ? flush : flush + "add element inet " + table + " " + set + " " + list_of(networks) + "\n";
}

}  // namespace tfunnel::client
