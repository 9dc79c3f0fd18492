// What is mounted, as /proc/PID/mountinfo tells it (proc_pid_mountinfo(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tfunnel::client {

struct Mount {
  std::string number;  // its own in all such files
  std::string point;   // without the file's escapes
  std::string type;    // of the file system
};

/// Of the file's text. A line that is none is left out.
std::vector<Mount> list_of_mounts(std::string_view mountinfo);

}  // namespace tfunnel::client
