// What JSON from elsewhere says, whose members may be missing, or of another type.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace tfunnel::io {

/// The text that a member has; empty: there is none.
inline std::string word(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Its number; 0: there is none.
inline double number(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

/// Is it true?
inline bool truth(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// The object that it has; null: there is none.
inline const boost::json::object* part(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value != nullptr ? value->if_object() : nullptr;
}

}  // namespace tfunnel::io
