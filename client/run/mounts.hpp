// The file system as the program of `tfunnel run` sees it: all of it, but for paths that lead around the tunnel.
#pragma once

#include <string>
#include <vector>

namespace tfunnel::client {

struct MountPlan {
  /// Directories and sockets that the user wants hidden: --hide.
  std::vector<std::string> hide;
  /// For /etc/resolv.conf.
  std::vector<std::string> nameservers;
  /// Of those that are hidden anyway, these are not: --show.
  std::vector<std::string> show;
};

/// Those of the directories with sockets through which the C library's NSS modules (nsswitch.conf(5)) let a daemon look
/// host names up. `nsswitch` is the text of /etc/nsswitch.conf: sssd's, which also know users, are among them only if
/// it names `sss` for hosts.
std::vector<std::string> name_service_directories(const std::string& nsswitch);

}  // namespace tfunnel::client
