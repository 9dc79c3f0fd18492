// The lines of nsswitch.conf(5) about host names.
#pragma once

#include <string>
#include <vector>

namespace tfunnel::core {

/// The services of its "hosts:" line in their order ("files", "dns", "mdns4_minimal", ...), without the [actions]
/// between them; none if `text`, the whole file, has no such line.
std::vector<std::string> host_services(const std::string& text);

}  // namespace tfunnel::core
