// Things that a process sets up once, at its start, and the meaning of signals to it.
#pragma once

#include <cstddef>
#include <string>

namespace tfunnel::app {

/// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
std::size_t raise_descriptor_limit();

/// A write to a closed pipe is an error to be handled, not a reason to die.
void ignore_sigpipe();

/// From here on no signal that would end us is heard: the status is decided, and asking once more, as a group and its
/// service manager do, must not change it.
void hear_no_more_signals();

/// "interrupted", "hung up", "terminated": why a signal ends us.
std::string reason_of_signal(int number);

}  // namespace tfunnel::app
