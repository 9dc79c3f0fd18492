// The directories in which running clients have the sockets that `tfunnel status` asks.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

struct StatusPlace {
  std::string path;
  io::Descriptor directory;
  uid_t owner = 0;
};

/// What ends the names of the sockets.
inline constexpr const char* status_suffix = ".sock";

/// The one for a client of this process's, which is made if it is not there: the first that only this user can write to
/// of $RUNTIME_DIRECTORY (below /run/tfunnel, as a systemd unit gives it), $XDG_RUNTIME_DIR/tfunnel, /run/user/UID/
/// tfunnel, /run/tfunnel, and /tmp/tfunnel-UID. Nothing: somebody else is in the way everywhere.
std::optional<StatusPlace> own_status_place();

/// All that there are: this user's, and for root everybody's. What lies in those of others is not trusted.
std::vector<StatusPlace> status_places();

/// The path of `name` in the directory, without a way that somebody could change, and short enough for a socket's
/// address. Good for this process, as long as the descriptor is open.
std::string path_in(const io::Descriptor& directory, const std::string& name);

}  // namespace tfunnel::client
