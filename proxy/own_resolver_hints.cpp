#include "proxy/own_resolver_hints.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>

namespace tfunnel::proxy {

core::ResolverHints own_resolver_hints() {
  std::ostringstream text;
  text << std::ifstream("/etc/resolv.conf").rdbuf();
  // POSIX does not say that a name which was cut has an end.
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  return core::parse_resolver_hints(text.str(), name);
}

}  // namespace tfunnel::proxy
