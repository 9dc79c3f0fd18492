// The duties of process 1 of a pid namespace (pid_namespaces(7)).
#pragma once

#include <functional>
#include <string_view>

#include "client/run/covers.hpp"

namespace tfunnel::client {

/// Other events that process 1 waits for.
struct ReaperEvents {
  int lifeline;  // its end of file ends us
  int owner;     // so does a pidfd that is readable; -1: there is none
  int seal;      // its first byte is read, and `on_seal` called
  std::function<void()> on_seal;
  std::function<void(std::string_view)> on_lines;  // came over the lifeline, in one piece
  Covers& covers;
};

/// Reaps orphans until the lifeline or the owner ends. Then it asks all other processes of the namespace to end
/// (SIGTERM), and returns when they have, or after half a second: the kernel kills those left when process 1 ends.
/// Meanwhile it keeps the covers in their places. If one cannot be put back, it ends everything likewise, and returns
/// false: the program may have brought that about (mounts are limited).
bool reap(const ReaperEvents& events);

}  // namespace tfunnel::client
