// The reference relays: one TCP flow over one pipe pair, nothing else.
//   PROGRAM near PORT   a transparent listener; the first connection becomes the flow
//   PROGRAM far         connects to wherever that connection wanted to go
#pragma once

#include <cstddef>

namespace bench {

// Waits for data and moves it from one descriptor to the other; false at the end or on an error.
// `scratch` is for the pump's own use, one a direction.
using Pump = bool (*)(int from, int to, std::byte* scratch);

struct Mover {
  Pump pump;
  bool nonblocking_socket;
};

constexpr std::size_t kScratchSize = 256 * 1024;

int run_relay(int argc, char** argv, Mover mover);

}  // namespace bench
