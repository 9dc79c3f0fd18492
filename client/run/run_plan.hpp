// The task of `tfunnel run`.
#pragma once

#include <string>
#include <vector>

#include "client/links/link_options.hpp"
#include "client/run/mounts.hpp"

namespace tfunnel::client {

struct RunPlan {
  app::CommonOptions common;
  LinkOptions link;
  MountPlan mounts;
  /// The command line of the far end on this machine, if there is no --via.
  std::vector<std::string> local_far_end;
  std::vector<std::string> program;
  /// Whether what leads around the tunnel without being IP is refused: see SystemCallFilter.
  bool filter = true;
  bool summary = false;  // print one at the end
};

}  // namespace tfunnel::client
