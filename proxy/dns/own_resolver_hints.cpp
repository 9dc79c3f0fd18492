#include "proxy/dns/own_resolver_hints.hpp"

#include <unistd.h>

#include "common/io/text_file.hpp"

namespace tfunnel::proxy {

core::ResolverHints own_resolver_hints() {
  // POSIX does not say that a name which was cut has an end.
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  return core::parse_resolver_hints(io::file_contents("/etc/resolv.conf"), name);
}

}  // namespace tfunnel::proxy
