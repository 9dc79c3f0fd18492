// Names that are not looked up like others.
#pragma once

#include <string_view>

namespace tfunnel::proxy {

enum class NameUse {
  ordinary,
  /// Means something only where it is said: it is for the nameservers there, and never for an upstream proxy.
  local,
  /// No nameserver may be asked for it; a proxy that is no Tor knows it neither.
  proxy_only,
};

/// `name` is a host_name(). Local are names of one label, `local` (RFC 6762, 3), `localhost` and `invalid` (RFC 6761),
/// `alt` (RFC 9476), and `arpa`, where addresses are looked up in reverse (also home.arpa, RFC 8375); `onion` (RFC
/// 7686) is for the proxy only. `test` and `example` are ordinary: a user of them has them somewhere.
NameUse use_of(std::string_view name);

}  // namespace tfunnel::proxy
