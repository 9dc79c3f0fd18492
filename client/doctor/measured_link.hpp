// What a `tfunnel up` measures of its link, as it tells it itself.
#pragma once

#include <sys/types.h>

#include <span>

#include "client/doctor/probes.hpp"
#include "client/status/ask_status.hpp"

namespace tfunnel::client {

/// Of the first link that is up, in the answer of `instance`; nothing: it did not answer, has no link, or has not
/// measured it yet. The answers are not trusted. Pure.
std::optional<MeasuredLink> measured_link(std::span<const StatusAnswer> answers, pid_t instance);

}  // namespace tfunnel::client
