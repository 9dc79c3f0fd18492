// Security contexts of the system's GSSAPI library.
#pragma once

#include "proxy/auth/security_context.hpp"

namespace tfunnel::proxy {

/// The library is looked for when the first context takes its first step, and kept until the program ends. All steps
/// must run in one thread. Without a library, or in a build without dlopen(3), every step fails and says so.
MakeSecurityContext gssapi_contexts();

}  // namespace tfunnel::proxy
