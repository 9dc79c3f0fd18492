// Whether the system would still give this process memory.
#pragma once

namespace tfunnel::io {

class SpareMemory {
 public:
  /// To be asked before each new flow. False: there is so little left, under a limit of the process (RLIMIT_AS,
  /// RLIMIT_DATA) or of the system, that it should not be begun: the flows that exist must not fail for want of the
  /// few bytes that each needs next. The system itself is asked once for some flows, with room for all of them.
  [[nodiscard]] bool for_a_flow();

 private:
  int promised_ = 0;  // flows that may still begin before the system is asked again
};

}  // namespace tfunnel::io
