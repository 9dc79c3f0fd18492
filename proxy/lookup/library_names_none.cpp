// For static programs.
#include "proxy/lookup/library_names.hpp"

namespace tfunnel::proxy {

const bool has_library_names = false;

NameAnswer library_answer(const std::string& /*name*/) { return {{}, NameError::not_found, {}}; }

}  // namespace tfunnel::proxy
