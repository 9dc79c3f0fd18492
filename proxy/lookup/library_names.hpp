// Names by the C library, which knows services that c-ares does not. Two files: it and none.
#pragma once

#include <string>

#include "proxy/lookup/name_answer.hpp"

namespace tfunnel::proxy {

/// False: the C library is not to be asked, and library_answer() finds nothing.
extern const bool has_library_names;

/// Blocks, for many seconds perhaps. Good for 30 s, since the C library tells no time to live.
NameAnswer library_answer(const std::string& name);

}  // namespace tfunnel::proxy
