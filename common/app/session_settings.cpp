#include "common/app/session_settings.hpp"

#include <algorithm>

#include "common/app/process.hpp"

namespace tfunnel::app {

namespace {

// Descriptors that are not flows: standard streams, the event loop, listeners.
constexpr std::size_t reserved_descriptors = 64;
constexpr std::size_t most_flows = 262'144;

}  // namespace

// A flow is a descriptor, more or less: what cannot have one is better refused than accepted.
io::Session::Settings session_settings(const CommonOptions& options, wire::Role role) {
  io::Session::Settings settings;
  settings.role = role;
  settings.data_path = options.data_path;
  settings.buffer_size = static_cast<std::size_t>(options.buffer_size);
  settings.udp_timeouts = {options.udp_timeout, options.udp_timeout_stream};
  settings.keepalive = {options.keepalive, options.keepalive_timeout};
  settings.greeting_timeout = options.greeting_timeout;
  settings.max_flows = std::clamp<std::size_t>(raise_descriptor_limit(), reserved_descriptors * 2, most_flows);
  return settings;
}

core::Drain::Limits drain_limits(const CommonOptions& options) { return {.linger = options.linger}; }

}  // namespace tfunnel::app
