// How this host completes names.
#pragma once

#include "common/core/resolver_hints.hpp"

namespace tfunnel::proxy {

/// From resolv.conf(5) and the host's name, as they are now.
core::ResolverHints own_resolver_hints();

}  // namespace tfunnel::proxy
