// Words in what libnftables tells as JSON.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace tfunnel::client {

/// The text that a member has; empty: there is none.
inline std::string word(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace tfunnel::client
