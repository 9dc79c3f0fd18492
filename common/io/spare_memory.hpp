// Whether the system would still give this process memory.
#pragma once

namespace tfunnel::io {

/// False: there is so little left, under a limit of the process (RLIMIT_AS, RLIMIT_DATA) or of the system, that no new
/// flow should be begun: what the flows that exist need next, a few bytes each, must not fail. Costs two system calls.
bool has_spare_memory();

}  // namespace tfunnel::io
