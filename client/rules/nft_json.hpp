// libnftables-json(5), as it is read in several places.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace tfunnel::client {

/// The string member `key`; empty: there is none.
inline std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace tfunnel::client
