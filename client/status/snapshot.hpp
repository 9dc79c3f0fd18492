// A running client as a JSON object, which the manual describes. Pure.
#pragma once

#include <chrono>

#include "client/status/facts.hpp"

namespace tfunnel::client {

/// The same moment by the clock that goes on evenly, and by the one on the wall.
struct Moment {
  core::Time even;
  std::chrono::system_clock::time_point wall;
};

boost::json::object status_object(const Snapshot& snapshot, const Moment& now);

}  // namespace tfunnel::client
