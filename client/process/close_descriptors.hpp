// Closes the descriptors that a process which we start shall not hold.
#pragma once

namespace tfunnel::client {

/// Closes all descriptors from `first` to `last`. Does only what signal-safety(7) allows. By close_range(2) where the
/// kernel has it (Linux 5.9), else one by one up to the process's limit.
void close_descriptors(unsigned first, unsigned last = ~0U);

}  // namespace tfunnel::client
