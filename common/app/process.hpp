// What a process sets up once, at its start.
#pragma once

#include <cstddef>

namespace tfunnel::app {

/// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
std::size_t raise_descriptor_limit();

/// A write to a closed pipe is an error to be handled, not a reason to die.
void ignore_sigpipe();

}  // namespace tfunnel::app
