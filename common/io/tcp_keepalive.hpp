// When TCP's own keep-alive decides that a peer is dead: each system names these options differently.
#pragma once

#include <chrono>

namespace tfunnel::io {

struct KeepaliveTimes {
  std::chrono::seconds idle;      // of silence before the first probe
  std::chrono::seconds interval;  // between probes
  int probes;                     // unanswered ones before the connection is dead
};

/// Best effort: a system that lacks an option keeps its own default.
void set_keepalive_times(int socket, const KeepaliveTimes& times);

}  // namespace tfunnel::io
