// What a running client has said of itself, for a person. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace tfunnel::client {

/// Many lines. `instance` is as status_object() makes it, or another version of it: what is missing, or is no such
/// thing, is left out, and whatever it says, a terminal can take it.
std::string status_text(const boost::json::object& instance);

}  // namespace tfunnel::client
