#include <algorithm>

#include "client/run/mounts.hpp"
#include "common/core/name_service_switch.hpp"

namespace tfunnel::client {

std::vector<std::string> name_service_directories(const std::string& nsswitch) {
  std::vector<std::string> all{"/run/systemd/resolve", "/run/nscd",         "/var/run/nscd",
                               "/run/unscd",           "/run/avahi-daemon", "/var/run/avahi-daemon"};
  const auto services = core::host_services(nsswitch);
  if (std::ranges::find(services, "sss") != services.end()) all.emplace_back("/var/lib/sss/pipes");
  return all;
}

}  // namespace tfunnel::client
