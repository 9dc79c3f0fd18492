// How a host completes names, and how its resolver asks: what resolv.conf(5) says besides nameservers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/tunnel.pb.h"

namespace tfunnel::core {

/// Each domain is made of labels of letters, digits, hyphens and underscores (1 to 63 of them, 253 in all), so none can
/// say anything else in a file. At most 32 domains with 2,048 characters together; what is beyond that is left out.
struct ResolverHints {
  std::vector<std::string> search;  // in order; none: names are not completed
  // Not said: the resolver's own default. The largest are those of the C library.
  std::optional<unsigned> ndots;     // at most 15
  std::optional<unsigned> timeout;   // seconds, 1 to 30
  std::optional<unsigned> attempts;  // 1 to 5

  bool operator==(const ResolverHints&) const = default;
};

/// The settings in the text of a resolv.conf; without `search` and `domain` the domain is that of `host_name`, as in
/// the C library. A setting that makes no sense counts as not said.
ResolverHints parse_resolver_hints(std::string_view resolv_conf, std::string_view host_name);

/// The lines for a resolv.conf. `search .` stands for no completion, so that nobody takes his own host's domain.
std::string resolver_lines(const ResolverHints& hints);

wire::ResolverHints to_wire(const ResolverHints& hints);
/// From a peer who may say anything: domains that are none are left out, numbers brought into their bounds.
ResolverHints resolver_hints_from_wire(const wire::ResolverHints& hints);

}  // namespace tfunnel::core
